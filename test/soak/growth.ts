/**
 * Whether what the platform's own processes hold is flat. A process counts from a minute of age on, when its caches
 * are warm. The lowest of some minutes is what stays when garbage has been collected: of each role, its successors
 * included, the lowest of the last third of its samples may be a fifth and `SLACK` above that of the first third.
 */
import type { Platform } from '../support/platform.ts';
import { findTargets, type Held, heldBy, type Target } from './targets.ts';

const WARM_AFTER_MS = 60_000;
const GROWTH_SHARE = 0.2;
const SLACK: Held = { pssMib: 12, descriptors: 24 };
/** Of fewer, a third says nothing. */
const MIN_SAMPLES = 12;

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
      this.#samples.set(role, [...(this.#samples.get(role) ?? []), held]);
    }
  }

  /** Now, in MiB. */
  describe(): string {
    return this.#watched()
      .map(([role, pid]) => `${role} ${heldBy(pid)?.pssMib ?? 0}`)
      .join(' ');
  }

  /** From the first third to the last, of each role and measure. */
  compare(): { text: string; isFlat: boolean }[] {
    return [...this.#samples].flatMap(([role, samples]) => {
      if (samples.length < MIN_SAMPLES) return [];
      return (['pssMib', 'descriptors'] as const).map((measure) => {
        const third = Math.floor(samples.length / 3);
        const first = Math.min(...samples.slice(0, third).map((held) => held[measure]));
        const last = Math.min(...samples.slice(-third).map((held) => held[measure]));
        const unit = measure === 'pssMib' ? 'MiB' : 'descriptors';
        const isFlat = last <= first * (1 + GROWTH_SHARE) + SLACK[measure];
        return { text: `${role} from ${first} to ${last} ${unit}`, isFlat };
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
