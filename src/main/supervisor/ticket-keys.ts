/**
 * The keys of TLS session tickets (RFC 5077, RFC 8446 section 4.6.1). All data processes have the same ones, so that a client
 * goes on with its session whichever of them accepts it, also after one was started again. They are in memory only.
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { SupervisorNotice } from '../../protocol/supervisor.ts';
import { systemClock } from '../../std/clock.ts';
import type { ProcessListener } from './supervised-process.ts';

export interface TicketKeys {
  /** Base64. */
  readonly current: string;
  /** Of one process: it is told of each change from now on. */
  attach(child: ChildProcess, listener: ProcessListener): ProcessListener;
  close(): void;
}

/** A name, an HMAC key and an AES key, as Node takes them. */
const BYTES = 48;
/**
 * Who takes the memory of a data process can read what was said in sessions of TLS 1.2 that its tickets were made for: a day
 * at most. A client with a ticket of the day before shakes hands in full.
 */
const RENEW_EVERY_MS = 24 * 60 * 60_000;

export function createTicketKeys(
  clock: Pick<typeof systemClock, 'after'> = systemClock,
): TicketKeys {
  const children = new Set<ChildProcess>();
  let current = makeKeys();
  let cancel = clock.after(RENEW_EVERY_MS, renew);

  function renew(): void {
    current = makeKeys();
    const notice: SupervisorNotice = { type: 'ticket-keys', keys: current };
    for (const child of children) if (child.connected) child.send(notice, () => {});
    cancel = clock.after(RENEW_EVERY_MS, renew);
  }

  return {
    get current() {
      return current;
    },
    attach: (child, listener) => {
      children.add(child);
      return {
        ...listener,
        ended: () => {
          children.delete(child);
          listener.ended();
        },
      };
    },
    close: () => cancel(),
  };
}

function makeKeys(): string {
  return randomBytes(BYTES).toString('base64');
}
