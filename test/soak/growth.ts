/**
 * Whether what the platform's own processes hold is flat. A process counts from a minute of age on, when its caches
 * are warm, and when it lives for a few minutes more: one that was killed takes along whatever it had gathered. What is
 * lowest in the last third of its time has survived collections of garbage; it may be no more than what the process
 * held at most in the first third, and `SLACK`. Collections of a heap of this size may be minutes apart: where the last
 * third shows none, it may be `UNCOLLECTED_MIB` more.
 */
import type { Platform } from '../support/platform.ts';
import { findTargets, type Held, heldBy, type Target } from './targets.ts';

const WARM_AFTER_MS = 60_000;
const SLACK: Held = { pssMib: 4, descriptors: 8 };
/** On a machine with much memory V8 lets so much garbage stand before it looks at the whole heap. */
const UNCOLLECTED_MIB = 48;
/** Two minutes of them. */
const MIN_SAMPLES = 40;

const ROLES: Target[] = ['control', 'data', 'git', 'egress'];

export class Growth {
  readonly #platform: Platform;
  readonly #firstSeenMs = new Map<number, number>();
  readonly #samples = new Map<string, Held[]>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** To be called every few seconds. */
  sample(): void {
    const now = performance.now();
    for (const [role, pid] of this.#watched()) {
      const firstSeenMs = this.#firstSeenMs.get(pid) ?? now;
      this.#firstSeenMs.set(pid, firstSeenMs);
      const held = now - firstSeenMs < WARM_AFTER_MS ? null : heldBy(pid);
      if (held === null) continue;
      const process = `${role} ${pid}`;
      this.#samples.set(process, [...(this.#samples.get(process) ?? []), held]);
    }
  }

  /** Now, in MiB. */
  describe(): string {
    return this.#watched()
      .map(([role, pid]) => `${role} ${heldBy(pid)?.pssMib ?? 0}`)
      .join(' ');
  }

  /** From the first third to the last, of each process that lived long enough. */
  compare(): { text: string; isFlat: boolean }[] {
    return [...this.#samples].flatMap(([process, samples]) => {
      if (samples.length < MIN_SAMPLES) return [];
      return (['pssMib', 'descriptors'] as const).map((measure) => {
        const values = samples.map((held) => held[measure]);
        const third = Math.floor(values.length / 3);
        const most = Math.max(...values.slice(0, third));
        const least = Math.min(...values.slice(-third));
        const unit = measure === 'pssMib' ? 'MiB' : 'descriptors';
        const isCollected = measure !== 'pssMib' || hasFallen(values.slice(-third));
        const slack = isCollected ? SLACK[measure] : UNCOLLECTED_MIB;
        const text = `${process}: at first up to ${most} ${unit}, at last from ${least}`;
        return { text, isFlat: least <= most + slack };
      });
    });
  }

  #watched(): [role: string, pid: number][] {
    const found: [string, number][] = [['supervisor', this.#platform.pid]];
    for (const role of ROLES) {
      for (const { pid } of findTargets(this.#platform.pid, role)) found.push([role, pid]);
    }
    return found;
  }
}

/** By more than a twentieth from one sample to the next. */
function hasFallen(values: readonly number[]): boolean {
  return values.some((value, index) => value < (values[index - 1] ?? 0) * 0.95);
}
