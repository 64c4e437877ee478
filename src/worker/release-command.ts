/**
 * Runs a release command as `node file.js arguments` would: the process is the program's, ends when its event loop
 * has nothing left to do or when it says so, and its exit status is the program's own.
 */
import type { Socket } from 'node:net';
import { applyReleaseEnvironment, type EnvironmentSource } from './environment.ts';
import { CODE_FOLDER, compileBundle } from './load-bundle.ts';
import { redactSecretsOf } from './output/redact.ts';
import { createRegistry } from './conventions/registrations.ts';

interface ReleaseProgram {
  /** Repository file, for messages. */
  entry: string;
  file: string;
  code: string;
  args: string[];
}

interface ReleaseHost {
  environment: EnvironmentSource;
  socket: Pick<Socket, 'unref'>;
  /** Told what nothing caught, before the process ends with it. */
  threw: (error: unknown) => void;
  warn: (text: string) => void;
}

/** Node's exit status of what nothing caught. */
const UNCAUGHT_STATUS = 1;
/** Node's exit status of a top-level await that never comes to its end. */
const UNSETTLED_STATUS = 13;

export function runReleaseCommand(program: ReleaseProgram, host: ReleaseHost): void {
  process.on('uncaughtException', (error) => {
    // A handler of the program's own decides instead.
    if (process.listenerCount('uncaughtException') > 1) return;
    host.threw(error);
    process.exit(UNCAUGHT_STATUS);
  });
  const settled = watchTopLevel(program.entry, host);
  load(program, host).then(settled, (error: unknown) => {
    settled();
    // Outside of the promise, where the program's own handlers hear of it.
    process.nextTick(() => {
      throw error;
    });
  });
}

async function load({ file, code, args }: ReleaseProgram, host: ReleaseHost): Promise<void> {
  const environment = host.environment();
  redactSecretsOf(environment);
  applyReleaseEnvironment(environment);
  process.argv = [process.execPath, `${CODE_FOLDER}/${file}`, ...args];
  const registry = createRegistry();
  registry.close(); // Nobody sends it requests: a server that it starts is its own.
  host.socket.unref(); // Only what the program has begun keeps the process.
  await compileBundle({ file, code }).evaluate(registry.modules);
}

/** @returns to be called when the module has run to its end */
function watchTopLevel(entry: string, { warn }: ReleaseHost): () => void {
  let hasGivenUp = false;
  const onIdle = (): void => {
    if (hasGivenUp || process.exitCode !== undefined) return;
    hasGivenUp = true;
    process.exitCode = UNSETTLED_STATUS;
    warn(`${entry} awaits something at its top level that never comes`);
  };
  process.on('beforeExit', onIdle);
  return () => {
    process.off('beforeExit', onIdle);
    if (hasGivenUp && process.exitCode === UNSETTLED_STATUS) process.exitCode = undefined;
  };
}
