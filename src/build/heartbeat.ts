import type { Clock } from '../std/clock.ts';
import type { Report } from './ports.ts';

/** Proxies and CI systems take a silent connection for a dead one. */
const QUIET_MS = 10_000;

/** Reports, and says by itself that the work goes on whenever nothing was reported for a while. */
export function createHeartbeat(report: Report, clock: Clock): { report: Report; stop(): void } {
  const startedMs = clock.monotonicMs();
  let cancel = clock.after(QUIET_MS, beat);

  function beat(): void {
    const seconds = Math.round((clock.monotonicMs() - startedMs) / 1000);
    relay(`       still building (${seconds} s)`);
  }

  function relay(line: string): void {
    cancel();
    cancel = clock.after(QUIET_MS, beat);
    report(line);
  }

  return { report: relay, stop: () => cancel() };
}
