import type { EgressNotice, OpenEgressRequest } from '../protocol/egress.ts';

/** Asks the supervisor to let a sandbox connect to an address. */
export interface Openings {
  /** False when it refuses, or does not answer in time. */
  open(opening: Omit<OpenEgressRequest, 'type' | 'request'>): Promise<boolean>;
  /** Takes the answers among the notices. */
  receive(notice: EgressNotice): void;
}

/** Longer, and whoever asked for the name has given up. */
const DEADLINE_MS = 4_000;
/** Names that are asked for at the same time; the supervisor has a bound of its own. */
const MAX_WAITING = 256;

export function createOpenings(send: (request: OpenEgressRequest) => void): Openings {
  const waiting = new Map<number, (isOpen: boolean) => void>();
  let last = 0;
  return {
    open(opening) {
      if (waiting.size >= MAX_WAITING) return Promise.resolve(false);
      const request = ++last;
      return new Promise((resolve) => {
        const timer = setTimeout(() => settle(false), DEADLINE_MS);
        const settle = (isOpen: boolean): void => {
          clearTimeout(timer);
          waiting.delete(request);
          resolve(isOpen);
        };
        waiting.set(request, settle);
        send({ type: 'open-egress', request, ...opening });
      });
    },
    receive(notice) {
      if (notice.type !== 'egress-opened' && notice.type !== 'egress-refused') return;
      waiting.get(notice.request)?.(notice.type === 'egress-opened');
    },
  };
}
