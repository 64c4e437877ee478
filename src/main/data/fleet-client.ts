/** The other data processes, as one of them hears of them: what their apps' workers leave room for here. */
import type { Pool } from '../../pool/index.ts';
import type { ClaimPort } from '../../pool/ports.ts';
import type { ClaimId, FleetNotice, FleetRequest } from '../../protocol/fleet.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { SupervisorNotice, SupervisorRequest } from '../../protocol/supervisor.ts';
import type { Clock } from '../../std/clock.ts';
import type { SupervisorHost } from '../process/child-process.ts';

/** A start that has waited so long for others to end is given up; requests that need it ask for the next. */
const CLAIM_WAIT_MS = 2_000;

export interface FleetClient extends ClaimPort {
  /** In how many processes the app has workers: each has that part of what is divided. */
  readonly spreadOf: (app: string) => number;
  /** From now on the pool is told what concerns it. */
  serve(pool: Pick<Pool, 'makeRoom' | 'startedElsewhere' | 'backOff'>): void;
}

type FleetHost = SupervisorHost<FleetRequest, FleetNotice>;
/** As a data process has it. */
export type DataHost = SupervisorHost<
  SupervisorRequest | FleetRequest,
  SupervisorNotice | FleetNotice
>;

const NOTICES: ReadonlySet<string> = new Set<FleetNotice['type']>([
  'claimed',
  'make-room',
  'started-elsewhere',
  'app-spread',
  'backs-off',
]);

/** What it says of sandboxes, and what of the other data processes. */
export function divideHost(host: DataHost): { ofSandboxes: SupervisorHost; ofFleet: FleetHost } {
  const send: DataHost['send'] = (request) => host.send(request);
  return {
    ofSandboxes: {
      send,
      onNotice: (listener) =>
        host.onNotice((notice, socket) => {
          if (!isFleetNotice(notice)) listener(notice, socket);
        }),
    },
    ofFleet: {
      send,
      onNotice: (listener) =>
        host.onNotice((notice, socket) => {
          if (isFleetNotice(notice)) listener(notice, socket);
        }),
    },
  };
}

function isFleetNotice(notice: SupervisorNotice | FleetNotice): notice is FleetNotice {
  return NOTICES.has(notice.type);
}

export function createFleetClient(supervisor: FleetHost, clock: Clock): FleetClient {
  const waiting = new Map<ClaimId, () => void>();
  const spreads = new Map<string, number>();
  let pool: Parameters<FleetClient['serve']>[0] | null = null;
  let lastClaim = 0;

  supervisor.onNotice((notice) => {
    switch (notice.type) {
      case 'claimed':
        return waiting.get(notice.claim)?.();
      case 'make-room':
        return pool?.makeRoom(notice);
      case 'started-elsewhere':
        return pool?.startedElsewhere(notice.app);
      case 'backs-off':
        return pool?.backOff(notice);
      case 'app-spread':
        if (notice.processes > 1) spreads.set(notice.app, notice.processes);
        else spreads.delete(notice.app);
        return;
      default:
        return notice satisfies never;
    }
  });

  return {
    claim: (request) => {
      const claim = ++lastClaim;
      const giveBack = (): void => supervisor.send({ type: 'unclaim', claim });
      return new Promise((resolve, reject) => {
        const cancel = clock.after(CLAIM_WAIT_MS, () => {
          waiting.delete(claim);
          giveBack();
          reject(new PlatformError('unavailable', 'the app has as many workers as it may'));
        });
        waiting.set(claim, () => {
          waiting.delete(claim);
          cancel();
          resolve(giveBack);
        });
        supervisor.send({ type: 'claim', claim, ...request });
      });
    },
    backsOff: (backOff) => supervisor.send({ type: 'backs-off', ...backOff }),
    spreadOf: (app) => spreads.get(app) ?? 1,
    serve: (served) => (pool = served),
  };
}
