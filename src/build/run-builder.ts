import type { Duplex, Readable } from 'node:stream';
import { once } from 'node:events';
import type { BundleFile } from '../bundles/index.ts';
import {
  BUILDER_FRAME,
  type BuildProblem,
  type BuildResult,
  type BuildStart,
  MAX_NET_STREAMS,
} from '../protocol/builder.ts';
import { PlatformError } from '../protocol/errors.ts';
import { encodeFrame, type Frame } from '../protocol/framing.ts';
import { RELAY_WINDOW_BYTES } from '../protocol/relay-stream.ts';
import type { Clock } from '../std/clock.ts';
import { printableLine } from '../std/printable.ts';
import { BuilderOutput } from './builder-output.ts';
import { createCacheExchange } from './cache-exchange.ts';
import type { DependencyCache } from './dependency-cache.ts';
import type { BuilderProcess, Report } from './ports.ts';
import { type AllowedRegistry, createRegistryProxy } from './registry-proxy.ts';

export type BuilderAnswer =
  | (Extract<BuildResult, { kind: 'built' }> & { files: BundleFile[] })
  | { kind: 'failed'; problems: BuildProblem[] }
  | { kind: 'cancelled' };

export interface BuilderRun {
  start: BuildStart;
  openArchive: () => Promise<Readable>;
  timeoutMs: number;
  /** For the message when it was not enough. */
  memoryMib: number;
  /** Absent: the build has no network and no cache. */
  dependencies?: BuildDependencies;
  clock: Clock;
  report: Report;
  signal: AbortSignal;
}

export interface BuildDependencies {
  appId: string;
  registries: readonly AllowedRegistry[];
  cache: DependencyCache;
}

/** What ended the conversation; the first cause counts. */
type Ending =
  | { cause: 'result'; result: BuildResult }
  | { cause: 'timeout' | 'cancelled' | 'closed' | 'broke-protocol' }
  | { cause: 'no-archive'; error: unknown };

/** How long a killed builder's exit is waited for: without it only the reason of its death is unknown. */
const EXIT_WAIT_MS = 5000;
const MAX_REFUSAL_CHARACTERS = 500;
/** All that connections may have under way towards a builder, and as much again for what is small. */
const MAX_UNREAD_BYTES = 2 * MAX_NET_STREAMS * RELAY_WINDOW_BYTES;

/**
 * Gives one builder one repository and takes back what it made. However that ends, the builder is dead afterwards.
 * @throws PlatformError when the source cannot be had
 */
export async function runBuilder(
  builder: BuilderProcess,
  request: BuilderRun,
): Promise<BuilderAnswer> {
  const run = { ...request, start: await completeStart(request) };
  const services = openServices(builder, run);
  const output = new BuilderOutput(run.start.maxima, run.report, services.receive);
  const sending = new AbortController();
  let ending: Ending;
  try {
    ending = await converse(builder, output, { ...run, sending: sending.signal });
  } finally {
    sending.abort();
    builder.kill();
    builder.socket.destroy();
    await services.close();
  }
  switch (ending.cause) {
    case 'result':
      return toAnswer(ending.result, output);
    case 'cancelled':
      return { kind: 'cancelled' };
    case 'no-archive':
      throw archiveError(ending.error);
    case 'timeout': {
      const seconds = run.timeoutMs / 1000;
      const what = output.activity === '' ? '' : `: ${output.activity} was still running`;
      return failed(`The build took longer than ${seconds} seconds and was stopped${what}`, {
        hint: 'push again when it ends sooner; the operator can raise FN_BUILD_TIMEOUT',
      });
    }
    case 'broke-protocol':
      return failed('The build was stopped: it answered what no build answers');
    case 'closed':
      return describeDeath(builder, output.activity, run);
    default:
      return ending satisfies never;
  }
}

/** Tells the builder which services it has. */
async function completeStart({ start, dependencies, memoryMib }: BuilderRun): Promise<BuildStart> {
  if (dependencies === undefined) return start;
  const { appId, registries, cache } = dependencies;
  const caches = await cache.keys(appId);
  return { ...start, registries: registries.map(({ url }) => url), caches, memoryMib };
}

interface BuildServices {
  receive: (frame: Frame) => boolean;
  close(): Promise<void>;
}

/** What a builder may ask for while it works. */
function openServices({ socket }: BuilderProcess, run: BuilderRun): BuildServices {
  const { dependencies } = run;
  if (dependencies === undefined) return { receive: () => false, close: () => Promise.resolve() };
  const { appId, registries, cache } = dependencies;
  const proxy = createRegistryProxy({
    registries,
    send: (type, stream, payload) => {
      if (!socket.destroyed) socket.write(encodeFrame(type, stream, payload));
    },
    say: (line) => run.report(`       ${printableLine(line, MAX_REFUSAL_CHARACTERS)}`),
  });
  const offered = run.start.caches ?? [];
  const exchange = createCacheExchange({ cache, appId, offered, socket });
  return {
    // Nothing is answered to a builder that does not read: each answer would wait in this process.
    receive: (frame) =>
      socket.writableLength <= MAX_UNREAD_BYTES &&
      (isNetFrame(frame) ? proxy : exchange).receive(frame),
    close: () => {
      proxy.close();
      return exchange.close();
    },
  };
}

function isNetFrame({ type }: Frame): boolean {
  return type >= BUILDER_FRAME.NET_OPEN && type <= BUILDER_FRAME.NET_RESET;
}

async function converse(
  { socket }: BuilderProcess,
  output: BuilderOutput,
  run: BuilderRun & { sending: AbortSignal },
): Promise<Ending> {
  const { clock, timeoutMs, signal } = run;
  const ended = Promise.withResolvers<Ending>();
  const end = (cause: 'timeout' | 'cancelled' | 'closed' | 'broke-protocol') => (): void =>
    ended.resolve({ cause });
  const onCancel = end('cancelled');
  if (signal.aborted) onCancel();
  signal.addEventListener('abort', onCancel, { once: true });
  const cancelTimeout = clock.after(timeoutMs, end('timeout'));
  socket.on('error', end('closed'));
  socket.on('close', end('closed'));
  socket.on('end', end('closed'));
  socket.on('data', (chunk: Buffer) => {
    try {
      output.push(chunk);
    } catch {
      ended.resolve({ cause: 'broke-protocol' });
    }
    if (output.result !== null) ended.resolve({ cause: 'result', result: output.result });
  });
  sendSource(socket, run).catch((error: unknown) => ended.resolve({ cause: 'no-archive', error }));
  try {
    return await ended.promise;
  } finally {
    cancelTimeout();
    signal.removeEventListener('abort', onCancel);
  }
}

/** Sends all that the builder needs. @throws only for the archive's failures; the socket's end the conversation. */
async function sendSource(
  socket: Duplex,
  { start, openArchive, sending }: BuilderRun & { sending: AbortSignal },
): Promise<void> {
  socket.write(encodeFrame(BUILDER_FRAME.START, 0, JSON.stringify(start)));
  const archive = await openArchive();
  const stop = (): void => void archive.destroy();
  sending.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of archive as AsyncIterable<Buffer>) {
      if (sending.aborted) return;
      const isRoom = socket.write(encodeFrame(BUILDER_FRAME.TAR, 0, chunk));
      if (!isRoom) await once(socket, 'drain', { signal: sending }).catch(() => {});
    }
    socket.write(encodeFrame(BUILDER_FRAME.TAR_END, 0, ''));
  } catch (error) {
    if (!sending.aborted) throw error;
  } finally {
    sending.removeEventListener('abort', stop);
    archive.destroy();
  }
}

function toAnswer(result: BuildResult, output: BuilderOutput): BuilderAnswer {
  return result.kind === 'built' ? { ...result, files: output.files } : result;
}

function archiveError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  return new PlatformError('unavailable', 'the commit could not be read from its repository', {
    hint: 'push again in a moment',
    cause: error,
  });
}

/** A builder that hung up without a result: the sandbox knows why. */
async function describeDeath(
  { exited }: BuilderProcess,
  activity: string,
  { clock, memoryMib }: BuilderRun,
): Promise<BuilderAnswer> {
  const waited = Promise.withResolvers<null>();
  const cancelWait = clock.after(EXIT_WAIT_MS, () => waited.resolve(null));
  const exit = await Promise.race([exited, waited.promise]);
  cancelWait();
  if (exit?.wasOutOfMemory) {
    const during = activity === '' ? '' : ` during ${activity}`;
    const usual = 'large data files that the code imports are the usual reason';
    return failed(`The build ran out of memory${during} (limit ${memoryMib} MB)`, {
      hint: activity === '' ? usual : 'the operator can raise FN_BUILD_MEMORY',
    });
  }
  const how = exit?.signal ? `signal ${exit.signal}` : `exit code ${exit?.code ?? 'unknown'}`;
  return failed(`The builder ended before it had a result (${how})`, {
    hint: 'push again; if it happens each time, the operator finds the reason in the log',
  });
}

function failed(message: string, options: { hint?: string } = {}): BuilderAnswer {
  return { kind: 'failed', problems: [{ message, at: null, frame: [], ...options }] };
}
