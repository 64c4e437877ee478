/** From the code of a function to the one thing that is called for each request. */
import type { Socket } from 'node:net';
import type { SpecialiseHead, WorkerEnvironment } from '../protocol/worker.ts';
import {
  exportsOf,
  findHandler,
  type Exports,
  type FoundHandler,
} from './conventions/conventions.ts';
import { applyEnvironment, type EnvironmentSource } from './environment.ts';
import { IDLE, settledOrIdle } from './event-loop.ts';
import type { HandlerHost } from './conventions/handlers.ts';
import { provideAwsLambda } from './conventions/lambda-stream.ts';
import { compileBundle, type CompiledBundle, type LoadedModule } from './load-bundle.ts';
import { noHandlerMessage } from './conventions/no-handler.ts';
import { parameterReader } from './conventions/path-parameters.ts';
import { redactSecretsOf } from './output/redact.ts';
import { createRegistry, type Registrations, type Registry } from './conventions/registrations.ts';

/** Of the time for a start, what is left for saying that no handler was found: on a busy machine words take long. */
const FAREWELL_SHARE = 1 / 4;

/** The module runs, and has nothing to call. */
export class NoHandler extends Error {}

export interface InitialiseHost {
  environment: EnvironmentSource;
  socket: Pick<Socket, 'ref' | 'unref'>;
  waitUntil: (promise: unknown) => void;
  compiled: (bundle: CompiledBundle) => void;
}

/** @throws NoHandler, or whatever the module's own top level throws. */
export async function initialise(
  head: SpecialiseHead,
  { code, cache }: { code: string; cache: Buffer | null },
  host: InitialiseHost,
): Promise<FoundHandler> {
  const deadlineMs = performance.now() + head.initTimeoutMs * (1 - FAREWELL_SHARE);
  const bundle = compileBundle({ file: head.file, code, cache });
  host.compiled(bundle);
  const environment = host.environment();
  redactSecretsOf(environment);
  applyEnvironment(environment, head);
  provideAwsLambda();
  const registry = createRegistry();
  try {
    const loaded = await settledOrIdle(bundle.evaluate(registry.modules), host.socket);
    if (loaded === IDLE) throw new Error(neverLoads(head.entry));
    const { registrations } = registry;
    const handlerHost = handlerHostOf(head, { environment, registrations, host });
    const exports = exportsOf(withTarget(loaded), registrations, handlerHost);
    const found =
      (await findHandler(exports, head.convention)) ??
      (await findLater(exports, head.convention, { registry, deadlineMs, socket: host.socket }));
    if (found !== null) return found;
    throw new NoHandler(noHandlerMessage(head.entry, head.convention, registrations));
  } finally {
    registry.close();
  }
}

function neverLoads(entry: string): string {
  return (
    `${entry} awaits something at its top level that never comes: ` +
    'nothing is left in its event loop that could bring it'
  );
}

function handlerHostOf(
  head: SpecialiseHead,
  {
    environment,
    registrations,
    host,
  }: { environment: WorkerEnvironment; registrations: Registrations; host: InitialiseHost },
): HandlerHost {
  const hasRawBody = head.event === 'lambda' || registrations.wantsRawBody;
  return {
    functionName: head.functionName,
    version: head.version,
    deployment: head.deployment,
    memoryMib: head.memoryMib,
    timeoutMs: head.timeoutMs,
    environment: { ...environment.values },
    event: { parameters: parameterReader(head.path), hasRawBody },
    waitUntil: host.waitUntil,
  };
}

/** What fn.json names comes before what the environment does. */
function withTarget({ namespace, target }: LoadedModule): LoadedModule {
  return { namespace, target: target ?? process.env['FUNCTION_TARGET'] ?? null };
}

/** A server may come to listen some turns after its module has run, when its database has answered for instance. */
async function findLater(
  exports: Exports,
  convention: string | null,
  wait: { registry: Registry; deadlineMs: number; socket: Pick<Socket, 'ref' | 'unref'> },
): Promise<FoundHandler | null> {
  const serving = new Promise<void>((resolve) => wait.registry.whenServing(resolve));
  const timeUp = new Promise<void>((resolve) => {
    setTimeout(resolve, Math.max(0, wait.deadlineMs - performance.now())).unref();
  });
  await settledOrIdle(Promise.race([serving, timeUp]), wait.socket);
  return findHandler(exports, convention);
}
