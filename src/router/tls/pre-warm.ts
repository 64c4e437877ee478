/** Wakes the functions of a host when a client begins a connection to it, while both still shake hands. */
import type { ServedDeployment } from '../../model/served.ts';
import type { Clock } from '../../std/clock.ts';

export interface PreWarmDeps {
  /** What a host serves; null for one that serves no functions. */
  deploymentOf: (host: string) => ServedDeployment | null;
  /** Starts or thaws a worker of a function that sleeps; tells whether it has. */
  warm: (deployment: string, functionName: string) => boolean;
  clock: Clock;
}

/**
 * Which function the request will be for is not known yet: of a host that has more, only so many are woken for one
 * connection. Each takes 60 ms of a processor and its memory for minutes.
 */
const MAX_WOKEN = 2;
/**
 * And for so long no others: a browser opens six connections at once for the same page, and who only connects to a host, again
 * and again, wakes two functions in ten seconds of those that have had requests before (Pool.warm asks that of each,
 * and starts no more than 60 a minute for all hosts together).
 */
const PAUSE_MS = 10_000;
/** Hosts whose pause is remembered; with more, all are forgotten, which the pool's own limit allows for. */
const MAX_HOSTS = 4_096;

/** To be called with the host of each new connection. */
export function createPreWarm(deps: PreWarmDeps): (host: string) => void {
  const pausedUntilMs = new Map<string, number>();

  return (host) => {
    const deployment = deps.deploymentOf(host);
    if (deployment === null) return;
    const nowMs = deps.clock.monotonicMs();
    if ((pausedUntilMs.get(deployment.id) ?? 0) > nowMs) return;
    let woken = 0;
    for (const { name } of deployment.functions) {
      if (woken < MAX_WOKEN && deps.warm(deployment.id, name)) woken += 1;
    }
    if (woken === 0) return;
    if (pausedUntilMs.size >= MAX_HOSTS) pausedUntilMs.clear();
    pausedUntilMs.set(deployment.id, nowMs + PAUSE_MS);
  };
}
