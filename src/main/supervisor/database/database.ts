/** The embedded database kept running, as supervised-process.ts keeps the others. */
import { createRestartDelays } from '../restart-delays.ts';
import type { PostgresServer } from './embedded-postgres.ts';

export interface Database {
  /** Stays the same over restarts. */
  readonly url: string;
  close(): Promise<void>;
}

interface DatabaseDeps {
  start: () => Promise<PostgresServer>;
  say: (line: string) => void;
}

/** Resolves when the database accepts connections. @throws PlatformError `database-down` when the first start fails. */
export async function keepDatabase(deps: DatabaseDeps): Promise<Database> {
  const delays = createRestartDelays();
  let server: PostgresServer | null = await deps.start();
  let timer: NodeJS.Timeout | null = null;
  let isClosing = false;
  const { url } = server;
  void watch(server, performance.now());

  async function watch(running: PostgresServer, startedAt: number): Promise<void> {
    const end = await running.exited;
    server = null;
    if (!isClosing) startLater(`the database ended (${end})`, startedAt);
  }

  function startLater(reason: string, startedAt: number): void {
    const delayMs = delays.next(performance.now() - startedAt);
    deps.say(`${reason}; starting it again in ${delayMs} ms`);
    timer = setTimeout(() => void startAgain(), delayMs);
  }

  async function startAgain(): Promise<void> {
    const startedAt = performance.now();
    try {
      server = await deps.start();
    } catch (error) {
      startLater(`the database did not start: ${String(error)}`, startedAt);
      return;
    }
    if (isClosing) await server.stop();
    else void watch(server, startedAt);
  }

  return {
    url,
    close: async () => {
      isClosing = true;
      if (timer !== null) clearTimeout(timer);
      await server?.stop();
    },
  };
}
