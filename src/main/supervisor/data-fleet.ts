/** What several data processes tell one another goes through here; a single one has nobody to tell. */
import type { ChildProcess } from 'node:child_process';
import { totalmem } from 'node:os';
import { appLimitsOf, MAX_WORKERS_PER_FUNCTION } from '../../pool/index.ts';
import type { FleetNotice } from '../../protocol/fleet.ts';
import { AppClaims } from './sandboxes/app-claims.ts';
import { parseFleetRequest } from './fleet-requests.ts';
import type { ProcessListener } from './supervised-process.ts';

export interface DataFleet {
  /** Of one process: what it tells the others is heard here, all else by `listener`. */
  attach(child: ChildProcess, listener: ProcessListener): ProcessListener;
}

/** Above what a correct process claims at a time, whose sandboxes are fewer. */
const MAX_CLAIMS = 2_000;

export function createDataFleet(): DataFleet {
  const limits = { ...appLimitsOf(totalmem()), workersPerFunction: MAX_WORKERS_PER_FUNCTION };
  const children = new Set<ChildProcess>();
  const tell = (child: ChildProcess, notice: FleetNotice): void => {
    if (child.connected) child.send(notice, () => {});
  };
  const claims = new AppClaims<ChildProcess>(limits, tell);

  /** False when it is nothing that the processes tell one another. */
  function heard(child: ChildProcess, raw: unknown): boolean {
    const request = parseFleetRequest(raw);
    switch (request?.type) {
      case undefined:
        return false;
      case 'claim':
        if (claims.countOf(child) >= MAX_CLAIMS) return false;
        claims.claim(child, request);
        return true;
      case 'unclaim':
        claims.unclaim(child, request.claim);
        return true;
      case 'backs-off':
        for (const other of children) if (other !== child) tell(other, request);
        return true;
      default:
        return request satisfies never;
    }
  }

  return {
    attach: (child, listener) => {
      children.add(child);
      claims.join(child);
      return {
        ...listener,
        message: (raw) => {
          if (!heard(child, raw)) listener.message(raw);
        },
        ended: () => {
          children.delete(child);
          claims.leave(child);
          listener.ended();
        },
      };
    },
  };
}
