/**
 * The engine on node-git-server, used for the one thing that it does well: `handle()`, which starts git and connects
 * it. Its events decide nothing, its authentication, listening and logging are not used, and it never sees a
 * client's request or response: it gets stand-ins of ours, with an address that is always the same. What it would
 * do wrong with the real ones, and the measure against each, stands in docs/security.md.
 */
import type { ChildProcess } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough, Readable, Writable } from 'node:stream';
import { Git, type HttpDuplex } from 'node-git-server';
import { adoptProcess } from './engine-process.ts';
import type { EngineExchange, EngineRun, GitEngine } from './engine.ts';
import type { LogPort } from './ports.ts';
import { endProcessGroup } from './process-group.ts';
import { busy, type Refusal } from './refusal.ts';

/** How long the engine may take from the opening of a request to starting git: it is all in memory. */
const START_MS = 5_000;

interface Deps {
  log: LogPort;
}

export function createNodeGitServerEngine({ log }: Deps, options: { graceMs: number }): GitEngine {
  return {
    advertise(service, repository) {
      const url = `/repository.git/info/refs?service=git-${service}`;
      const response = new StandInResponse();
      const request = standInRequest('GET', url);
      request.end();
      start(repository, { request, response, onService: () => {} });
      return response.output;
    },
    run: (exchange) => run(exchange, log, options.graceMs),
  };
}

function run(exchange: EngineExchange, log: LogPort, graceMs: number): EngineRun {
  const request = standInRequest('POST', `/repository.git/git-${exchange.service}`);
  const response = new StandInResponse();
  let child: ChildProcess | null = null;
  let isAborted = false;

  const abort = (): void => {
    isAborted = true;
    request.end();
    exchange.body.unpipe(request);
    if (child !== null) endProcessGroup(child, graceMs);
  };
  const watchdog = setTimeout(() => {
    response.fail(new Error('the git engine did not start git'));
    request.end();
  }, START_MS);
  const onService = (started: ChildProcess): void => {
    clearTimeout(watchdog);
    if (started.pid === undefined) {
      // The engine connects it all the same.
      Object.assign(started, standInStreams(started));
      return response.fail(notStarted());
    }
    child = started;
    adoptProcess(exchange.service, started, log);
    exchange.onProcess(started);
    if (isAborted) return endProcessGroup(started, graceMs);
    feed(exchange.body, request, started);
  };
  response.output.on('close', () => clearTimeout(watchdog));
  request.write(exchange.opening);
  start(exchange.repository, { request, response, onService });
  return { output: response.output, abort };
}

interface Ends {
  request: PassThrough;
  response: StandInResponse;
  onService: (child: ChildProcess) => void;
}

/** One engine per request: everything that it emits then belongs to that request. */
function start(repository: string, { request, response, onService }: Ends): void {
  const fail = (error: Error): void => response.fail(error);
  const engine = new Git(() => repository, { autoCreate: false });
  let isSeen = false;
  const accept = (duplex: HttpDuplex): void => {
    // A command line that looks like several to the engine must not be answered twice.
    if (isSeen) return;
    isSeen = true;
    duplex.on('error', fail);
    duplex.on('service', onService);
    try {
      duplex.accept();
    } catch {
      fail(notStarted()); // An advertisement is connected at once, and without descriptors Node gives it no streams.
    }
  };
  engine.on('push', accept).on('tag', accept).on('fetch', accept).on('info', accept);
  (engine as EventEmitter).on('error', fail);
  try {
    engine.handle(request as unknown as IncomingMessage, response as unknown as ServerResponse);
  } catch (error) {
    fail(error as Error);
  }
}

/** Hands the body to git. Git may stop reading early: what the client still sends is then thrown away. */
function feed(body: Readable, request: PassThrough, child: ChildProcess): void {
  const drain = (): void => {
    body.unpipe(request);
    body.resume();
    request.end();
  };
  child.stdin?.on('close', drain);
  body.on('error', () => request.end());
  if (body.errored !== null) request.end();
  else body.pipe(request);
}

function notStarted(): Refusal {
  return busy('git could not be started now');
}

/** Those that it has not. */
function standInStreams({ stdin, stdout, stderr }: Partial<ChildProcess>): object {
  return {
    stdin: stdin ?? new PassThrough(),
    stdout: stdout ?? new PassThrough(),
    stderr: stderr ?? new PassThrough(),
  };
}

function standInRequest(method: string, url: string): PassThrough {
  const request = new PassThrough();
  request.on('error', () => {});
  return Object.assign(request, { method, url, headers: {} });
}

/** Takes what the engine answers; only the body matters, since the guard writes the response's head. */
class StandInResponse extends Writable {
  statusCode = 200;
  readonly output: Readable;
  #resume: (() => void) | null = null;

  constructor() {
    super();
    this.output = new Readable({ read: () => this.#proceed() });
    // Whoever reads the output sees its error; until somebody does, it must not end this process.
    this.output.on('error', () => {});
    this.output.on('close', () => this.#proceed());
  }

  setHeader(): void {}

  fail(error: Error): void {
    this.output.destroy(error);
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // A client that went away must not leave git blocked on a full pipe.
    if (this.output.destroyed || this.output.push(chunk)) done();
    else this.#resume = done;
  }

  override _final(done: () => void): void {
    if (this.statusCode === 200) this.output.push(null);
    else this.output.destroy(new Error(`the git engine answered ${this.statusCode}`));
    done();
  }

  #proceed(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }
}
