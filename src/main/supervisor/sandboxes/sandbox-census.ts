/** Which sandboxes there are, from before they are made until nothing of them is left on the machine. */
import type { SlotId, SupervisorNotice } from '../../../protocol/supervisor.ts';
import type { CgroupDriver } from '../../../sandbox/index.ts';
import type { CodeSlots } from './code-slots.ts';
import type { SandboxKind } from './sandbox-limits.ts';

type Listed = Omit<Extract<SupervisorNotice, { type: 'sandboxes' }>, 'type' | 'request'>;

interface Present {
  kind: SandboxKind;
  /** Whoever asked for it has it. */
  isRunning: boolean;
  hasEnded: boolean;
}

/** Others stand beside those of slots: the platform's own parts, and the levels of apps. */
const OF_A_SLOT = /^slot-/;

export class SandboxCensus {
  readonly #cgroups: Pick<CgroupDriver, 'sandboxNames'>;
  readonly #codeSlots: Pick<CodeSlots, 'list'>;
  readonly #present = new Map<SlotId, Present>();

  constructor(cgroups: Pick<CgroupDriver, 'sandboxNames'>, codeSlots: Pick<CodeSlots, 'list'>) {
    this.#cgroups = cgroups;
    this.#codeSlots = codeSlots;
  }

  /** With those that are being started. */
  count(kind: SandboxKind): number {
    return [...this.#present.values()].filter((one) => one.kind === kind && !one.hasEnded).length;
  }

  begin(slot: SlotId, kind: SandboxKind): void {
    this.#present.set(slot, { kind, isRunning: false, hasEnded: false });
  }

  running(slot: SlotId): void {
    const found = this.#present.get(slot);
    if (found !== undefined) found.isRunning = true;
  }

  ended(slot: SlotId): void {
    const found = this.#present.get(slot);
    if (found !== undefined) found.hasEnded = true;
  }

  /** Nothing of it is left. */
  gone(slot: SlotId): void {
    this.#present.delete(slot);
  }

  list(): Listed {
    const all = [...this.#present];
    return {
      slots: all.map(([slot]) => slot),
      workers: all
        .filter(([, { kind, isRunning, hasEnded }]) => kind === 'zygote' && isRunning && !hasEnded)
        .map(([slot]) => slot),
      cgroups: this.#cgroups.sandboxNames()?.filter((name) => OF_A_SLOT.test(name)) ?? null,
      folders: this.#codeSlots.list(),
    };
  }
}
