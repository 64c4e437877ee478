import type { ControlForData } from '../../protocol/logs.ts';
import { createRpcClient } from '../../protocol/rpc.ts';
import { systemClock } from '../../std/clock.ts';
import type { Logger } from '../process/log.ts';

/** Control reads the database, writes a file and has it applied. */
const ANSWER_DEADLINE_MS = 10_000;
/** Control that starts along with data publishes by itself, and may be a while about it. */
const ASK_AGAIN_MS = 1_000;

/**
 * Has control write the routes anew, since those that were stored cannot be used; asks until it has, or until what this
 * returns is called. Control would else publish with the next release only, which may be days away.
 */
export function askForRoutes(socket: string, log: Logger): () => void {
  const call = createRpcClient<ControlForData>(socket, 'control');
  let isStopped = false;
  let cancel = (): void => {};

  async function ask(): Promise<void> {
    try {
      await call('publishRoutes', null, { signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) });
    } catch (error) {
      log.debug({ err: error }, 'control does not write the routes anew yet');
      if (!isStopped) cancel = systemClock.after(ASK_AGAIN_MS, () => void ask());
    }
  }

  void ask();
  return () => {
    isStopped = true;
    cancel();
  };
}
