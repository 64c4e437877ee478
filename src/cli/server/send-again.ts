import { setTimeout as sleep } from 'node:timers/promises';
import { PlatformError } from '../../protocol/errors.ts';

const ATTEMPTS = 3;
const PAUSE_MS = 1_000;
/** The connection broke: whether the server has done what it was asked for, nobody knows. */
const LOST = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** Sends again, after a pause, what the server carries out once: when its answer was lost, or is not there yet. */
export async function sendAgain<Answer>(send: () => Promise<Answer>): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (attempt === ATTEMPTS || !isWorthAnother(error)) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

function isWorthAnother(error: unknown): boolean {
  if (!(error instanceof PlatformError)) return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return error.code === 'in-progress' || (typeof code === 'string' && LOST.has(code));
}
