import type { PushJournal } from '../../deploy/index.ts';
import type { Clock } from '../../std/clock.ts';
import type { SupervisorHost } from '../process/child-process.ts';

interface Deps {
  supervisor: Pick<SupervisorHost, 'onNotice'>;
  journal: Pick<PushJournal, 'cancelAll'>;
  clock: Clock;
}

/** For their last words to reach the pushers, before their connections are cut. */
const LAST_WORDS_MS = 5_000;
/** As it is named in `cancelled by …`. */
const STOPPING_SERVER = 'the server, which is stopping: push again when it is back';

/** A platform that ends has a drain time. What is not accepted towards its end is refused, in words. */
export function endPushesInTime(
  { supervisor, journal, clock }: Deps,
  { drainMs }: { drainMs: number },
): void {
  supervisor.onNotice(({ type }) => {
    if (type !== 'draining') return;
    clock.after(Math.max(0, drainMs - LAST_WORDS_MS), () => journal.cancelAll(STOPPING_SERVER));
  });
}
