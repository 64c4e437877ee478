import { setTimeout as delay } from 'node:timers/promises';
import type { ControlPort } from '../ports.ts';

/** Control may be starting again meanwhile; whatever is asked for needs it anyway. */
const RETRY_MS = 500;

/** Resolves when nobody is known by the key any more, or never, once the signal has ended it. */
export async function watchKey(
  control: ControlPort,
  key: string,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await control('watchKey', { key }, { signal });
      return;
    } catch {
      await delay(RETRY_MS, null, { signal }).catch(() => {}); // Ended, which the loop sees.
    }
  }
}
