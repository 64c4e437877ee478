import type { IncomingMessage } from 'node:http';
import type { Clock } from '../std/clock.ts';

/** A body must come at this rate at least, or it only holds up a connection. */
const MIN_BYTES_PER_SECOND = 1024;
const WINDOW_MS = 30_000;

interface Watched {
  request: IncomingMessage;
  windowStartMs: number;
  bytesAtStart: number;
  /** We stopped reading in this window, so its rate says nothing about the client. */
  wasPaused: boolean;
}

/** Whether the sender was slower than allowed over a whole window. */
export function isTooSlow(window: {
  bytes: number;
  elapsedMs: number;
  wasPaused: boolean;
}): boolean {
  if (window.wasPaused || window.elapsedMs < WINDOW_MS) return false;
  return window.bytes < (window.elapsedMs / 1000) * MIN_BYTES_PER_SECOND;
}

export interface BodyRateWatch {
  /** Watches the body of a request until it is complete. */
  watch(request: IncomingMessage): void;
  close(): void;
}

/** Ends connections whose request body comes too slowly. One timer looks at all of them. */
export function createBodyRateWatch(clock: Clock, lookEveryMs = 5_000): BodyRateWatch {
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
      if (request.isPaused()) one.wasPaused = true;
      const elapsedMs = now - one.windowStartMs;
      const bytes = request.socket.bytesRead - one.bytesAtStart;
      if (isTooSlow({ bytes, elapsedMs, wasPaused: one.wasPaused })) request.socket.destroy();
      else if (elapsedMs >= WINDOW_MS) Object.assign(one, windowOf(request, now));
    }
    cancel = watched.size > 0 ? clock.after(lookEveryMs, look) : null;
  }

  return {
    watch: (request) => {
      watched.add({ request, ...windowOf(request, clock.monotonicMs()) });
      cancel ??= clock.after(lookEveryMs, look);
    },
    close: () => cancel?.(),
  };
}

function windowOf(request: IncomingMessage, nowMs: number): Omit<Watched, 'request'> {
  return { windowStartMs: nowMs, bytesAtStart: request.socket.bytesRead, wasPaused: false };
}
