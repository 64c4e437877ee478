import type { IncomingMessage } from 'node:http';
import type { Clock } from '../std/clock.ts';

export interface BodyRate {
  /** A body must come at this rate at least, or it only holds up a connection. */
  minBytesPerSecond: number;
  windowMs: number;
  lookEveryMs: number;
}

const BODY_RATE: BodyRate = { minBytesPerSecond: 1024, windowMs: 30_000, lookEveryMs: 5_000 };

interface Watched {
  request: IncomingMessage;
  windowStartMs: number;
  bytesAtStart: number;
  /** We stopped reading in this window, so its rate says nothing about the client. */
  wasPaused: boolean;
}

/** Whether the sender was slower than allowed over a whole window. */
export function isTooSlow(
  window: { bytes: number; elapsedMs: number; wasPaused: boolean },
  rate = BODY_RATE,
): boolean {
  if (window.wasPaused || window.elapsedMs < rate.windowMs) return false;
  return window.bytes < (window.elapsedMs / 1000) * rate.minBytesPerSecond;
}

export interface BodyRateWatch {
  /** Watches the body of a request until it is complete. */
  watch(request: IncomingMessage): void;
  close(): void;
}

/** Ends connections whose request body comes too slowly. One timer looks at all of them. */
export function createBodyRateWatch(clock: Clock, rate = BODY_RATE): BodyRateWatch {
  const watched = new Set<Watched>();
  let cancel: (() => void) | null = null;

  function look(): void {
    const now = clock.monotonicMs();
    for (const one of watched) {
      const { request } = one;
      if (request.complete || request.destroyed) {
        watched.delete(one);
        continue;
      }
      // Null while it waits for a worker.
      if (request.readableFlowing !== true) one.wasPaused = true;
      const elapsedMs = now - one.windowStartMs;
      const bytes = request.socket.bytesRead - one.bytesAtStart;
      if (isTooSlow({ bytes, elapsedMs, wasPaused: one.wasPaused }, rate)) request.socket.destroy();
      else if (elapsedMs >= rate.windowMs) Object.assign(one, windowOf(request, now));
    }
    cancel = watched.size > 0 ? clock.after(rate.lookEveryMs, look) : null;
  }

  return {
    watch: (request) => {
      watched.add({ request, ...windowOf(request, clock.monotonicMs()) });
      cancel ??= clock.after(rate.lookEveryMs, look);
    },
    close: () => cancel?.(),
  };
}

function windowOf(request: IncomingMessage, nowMs: number): Omit<Watched, 'request'> {
  return { windowStartMs: nowMs, bytesAtStart: request.socket.bytesRead, wasPaused: false };
}
