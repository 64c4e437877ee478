/**
 * The worker's side of protocol/worker.ts: from zygote to the worker of one function, and its end.
 *
 * Over 300 lines: what each frame does depends on how far this one worker has come.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { OnReadOpts, Socket } from 'node:net';
import { FrameWriter } from '../protocol/frame-writer.ts';
import { FrameDecoder, type Frame } from '../protocol/framing.ts';
import { decodeInvoke } from '../protocol/invoke.ts';
import { decodeSpecialise, WORKER_FRAME, type SpecialiseHead } from '../protocol/worker.ts';
import { Background } from './background.ts';
import { captureOutput } from './output/capture-output.ts';
import type { FoundHandler } from './conventions/conventions.ts';
import type { EnvironmentSource } from './environment.ts';
import type { Handle } from './conventions/handlers.ts';
import { createIdleCollection, NO_HEAP, ownHeap } from './idle-collection.ts';
import { CodeCacheMaker } from './code-cache-maker.ts';
import { initialise, NoHandler, type InitialiseHost } from './initialise.ts';
import { describeError, Invocation, InvocationCancelled } from './invocation.ts';
import { createLogCapture, type LogCapture } from './output/log-capture.ts';
import { createMemoryReport } from './memory-report.ts';
import { runReleaseCommand } from './release-command.ts';
import type { RequestBody } from './request-body.ts';
import { rehearse, warmUpWhenIdle, type WorkerSocket } from './warm-up.ts';

const READ_BUFFER_BYTES = 64 * 1024;

/**
 * Serves the socket until it closes; the process ends with it. All reads go into one buffer: a new one for each
 * read, as is Node's way, made garbage collection the largest cost of a busy worker.
 */
export async function startWorker(
  openSocket: (onRead: OnReadOpts) => Socket,
  environment: EnvironmentSource,
): Promise<Pick<Worker, 'retire' | 'warn'>> {
  // Before anything can come that is not its own.
  await rehearse((mirror, nothing) => new Worker(mirror, nothing, createIdleCollection(NO_HEAP)));
  const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  const decoder = new FrameDecoder((frame) => worker.receive(frame));
  const socket = openSocket({
    buffer,
    callback: (bytes) => {
      decoder.push(buffer.subarray(0, bytes));
      return true;
    },
  });
  const worker = new Worker(socket, environment, createIdleCollection(ownHeap));
  socket.unref().ref(); // As each start does: rehearsed, too.
  socket.resume(); // Or the end of the stream would never be seen.
  socket.on('error', () => process.exit(0));
  socket.on('close', () => process.exit(0));
  worker.hello();
  return { retire: () => worker.retire(), warn: (text) => worker.warn(text) };
}

/** An invocation that was sent along with the code: it is begun when that has started. */
interface EarlyInvocation {
  stream: number;
  payload: Buffer;
  isCancelled: boolean;
}

class Worker {
  readonly #socket: WorkerSocket;
  readonly #writer: FrameWriter;
  readonly #environment: EnvironmentSource;
  readonly #running = new AsyncLocalStorage<Invocation | undefined>();
  readonly #invocations = new Map<number, Invocation>();
  readonly #log: LogCapture;
  readonly #requestEnded: () => void;
  readonly #exit = process.exit.bind(process);
  readonly #background = new Background({
    whenAnswered: (callback) => {
      const invocation = this.#running.getStore();
      if (invocation === undefined) callback();
      else invocation.whenSettled(callback);
    },
    rejected: (error) => this.#log.write('error', `waitUntil: ${describeError(error).stack}`),
    idle: () => this.#exitWhenDrained(),
  });
  readonly #tellMemory = createMemoryReport(
    (peakKib) => this.#writer.u32(WORKER_FRAME.MEMORY, 0, peakKib),
    () => performance.now(),
  );
  #early: EarlyInvocation[] = [];
  readonly #cacheMaker = new CodeCacheMaker();
  #handle: Handle | null = null;
  #isInitialising = false;
  #concurrency = 1;
  #isDraining = false;
  #isRetiring = false;
  #isExiting = false;
  #cancelWarmUp = (): void => {};
  readonly #onUncaught = (error: unknown): void => this.#onStrayError(error);
  readonly #onSettled = (stream: number): void => {
    this.#invocations.delete(stream);
    this.#tellMemory();
    this.#requestEnded();
    this.#exitWhenDrained();
  };

  constructor(socket: WorkerSocket, environment: EnvironmentSource, requestEnded = () => {}) {
    this.#requestEnded = requestEnded;
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    this.#environment = environment;
    this.#log = createLogCapture({
      current: () => this.#running.getStore()?.stream ?? 0,
      send: (stream, line) => {
        this.#writer.json(WORKER_FRAME.LOG, stream, line);
        // What is printed while the process exits has no later turn of the event loop.
        if (this.#isExiting) this.#writer.flush();
      },
      nowMs: () => performance.now(),
    });
  }

  hello(): void {
    process.on('uncaughtException', this.#onUncaught);
    process.on('unhandledRejection', this.#onUncaught);
    // What was said last must arrive before the process is gone.
    process.on('exit', () => {
      this.#isExiting = true;
      flushOutput();
      this.#writer.flush();
    });
    const flushOutput = captureOutput(this.#log);
    this.#writer.empty(WORKER_FRAME.HELLO, 0);
    this.#cancelWarmUp = warmUpWhenIdle((error) => this.#onStrayError(error));
  }

  receive({ type, stream, payload }: Frame): void {
    if (type === WORKER_FRAME.INVOKE) return this.#invoke(stream, payload);
    this.#leaveInvocation();
    switch (type) {
      case WORKER_FRAME.BODY:
        return this.#bodyOf(stream)?.push(payload);
      case WORKER_FRAME.BODY_END:
        return this.#bodyOf(stream)?.end(payload);
      case WORKER_FRAME.CREDIT:
        return this.#invocations.get(stream)?.credit(payload.readUInt32BE(0));
      case WORKER_FRAME.CANCEL:
        return this.#cancel(stream, payload[0] ?? 0);
      case WORKER_FRAME.PING:
        return this.#writer.empty(WORKER_FRAME.PONG, 0);
      case WORKER_FRAME.DRAIN:
        return this.#drain();
      case WORKER_FRAME.SPECIALISE:
        return this.#specialise(payload);
      case WORKER_FRAME.MAKE_CODE_CACHE:
        return this.#cacheMaker.make(payload.readUInt32BE(0), this.#writer);
      default:
        throw new Error(`unknown frame ${type}`);
    }
  }

  /** What a later frame of the same read sets off belongs to no invocation that an earlier one began. */
  #leaveInvocation(): void {
    if (this.#running.getStore() !== undefined) this.#running.enterWith(undefined);
  }

  #specialise(payload: Buffer): void {
    this.#cancelWarmUp();
    const startedAtMs = performance.now();
    const { head, code, cache } = decodeSpecialise(payload);
    this.#isInitialising = true;
    if (head.releaseArgs !== undefined) {
      return this.#runReleaseCommand(head, head.releaseArgs, code.toString());
    }
    this.#concurrency = head.concurrency;
    const host: InitialiseHost = {
      environment: this.#environment,
      socket: this.#socket,
      waitUntil: (promise) => this.#background.waitUntil(promise),
      compiled: (bundle) => this.#cacheMaker.compiled(bundle),
    };
    initialise(head, { code: code.toString(), cache }, host).then(
      (found) => this.#initialised(found, startedAtMs),
      (error: unknown) => this.#initFailed(error),
    );
  }

  /** From here on this process is the command's: what it does not catch ends it, as Node has it. */
  #runReleaseCommand(head: SpecialiseHead, args: string[], code: string): void {
    process.off('uncaughtException', this.#onUncaught);
    process.off('unhandledRejection', this.#onUncaught);
    runReleaseCommand(
      { entry: head.entry, file: head.file, code, args },
      {
        environment: this.#environment,
        socket: this.#socket,
        threw: (error) => this.#initFailed(error),
        warn: (text) => this.#log.write('error', text),
      },
    );
  }

  #initialised({ handle, convention }: FoundHandler, startedAtMs: number): void {
    if (!this.#isInitialising) return; // It has failed by an error that nothing caught.
    this.#isInitialising = false;
    this.#handle = handle;
    const initMs = performance.now() - startedAtMs;
    this.#writer.json(WORKER_FRAME.READY, 0, { initMs, convention, ...this.#cacheMaker.rejection });
    if (this.#isRetiring) this.#writer.empty(WORKER_FRAME.RETIRING, 0);
    // Whoever has not heard READY takes it that nothing was begun: so that is out before a handler can end the process.
    if (this.#early.length > 0) this.#writer.flushThen(() => this.#beginEarly());
  }

  #beginEarly(): void {
    for (const { stream, payload, isCancelled } of this.#early.splice(0)) {
      if (isCancelled || this.#isRetiring) this.#writer.empty(WORKER_FRAME.NACK, stream);
      else this.#invoke(stream, payload);
    }
  }

  #initFailed(error: unknown): void {
    if (!this.#isInitialising) return;
    this.#isInitialising = false;
    if (error instanceof NoHandler) {
      const failed = { reason: 'no-handler', message: error.message, stack: '' };
      this.#writer.json(WORKER_FRAME.INIT_FAILED, 0, failed);
      return;
    }
    const { errorType, message, stack } = describeError(error);
    const text = errorType === 'Error' ? message : `${errorType}: ${message}`;
    this.#writer.json(WORKER_FRAME.INIT_FAILED, 0, { reason: 'threw', message: text, stack });
  }

  #invoke(stream: number, payload: Buffer): void {
    const handle = this.#handle;
    if (this.#isInitialising && this.#early.length < this.#concurrency) {
      // What is read next comes to where this is.
      const owned = Buffer.from(payload);
      this.#early.push({ stream, payload: owned, isCancelled: false });
      return;
    }
    if (handle === null || this.#isDraining || this.#invocations.size >= this.#concurrency) {
      this.#writer.empty(WORKER_FRAME.NACK, stream);
      return;
    }
    const invocation = new Invocation(decodeInvoke(payload), stream, {
      writer: this.#writer,
      startedAtMs: performance.now(),
      onSettled: this.#onSettled,
    });
    this.#invocations.set(stream, invocation);
    // Half of what `run` costs, which also makes the context to return to.
    this.#running.enterWith(invocation);
    handle(invocation).catch((error: unknown) => this.#failed(invocation, error));
  }

  /** Whoever sends a body has heard that this is ready. */
  #bodyOf(stream: number): RequestBody | null | undefined {
    if (this.#early.length > 0) this.#beginEarly();
    return this.#invocations.get(stream)?.body;
  }

  #cancel(stream: number, reason: number): void {
    const early = this.#early.find((one) => one.stream === stream);
    if (early !== undefined) early.isCancelled = true;
    else this.#invocations.get(stream)?.cancel(reason);
  }

  /** What a handler throws after its answer, or after its time, still is to be found in the log. */
  #failed(invocation: Invocation, error: unknown): void {
    if (!invocation.isSettled) return invocation.fail(error);
    if (error instanceof InvocationCancelled) return;
    const { errorType, message, stack } = describeError(error);
    this.#log.write('error', stack === '' ? `${errorType}: ${message}` : stack);
  }

  /** An error that nothing caught: the request that caused it fails, and this process is no longer to be trusted. */
  #onStrayError(error: unknown): void {
    if (this.#isInitialising) return this.#initFailed(error);
    const { errorType, message, stack } = describeError(error);
    this.#log.write(
      'error',
      stack === '' ? `Uncaught ${errorType}: ${message}` : `Uncaught ${stack}`,
    );
    this.#running.getStore()?.fail(error);
    this.retire();
  }

  /** What runs here goes on; what comes next shall go elsewhere. */
  retire(): void {
    if (this.#isRetiring) return;
    this.#isRetiring = true;
    if (this.#handle !== null) this.#writer.empty(WORKER_FRAME.RETIRING, 0);
  }

  /** In the platform's words, of no request. */
  warn(text: string): void {
    this.#log.writeOf(0, 'warn', text);
  }

  #drain(): void {
    this.#isDraining = true;
    this.#exitWhenDrained();
  }

  #exitWhenDrained(): void {
    if (!this.#isDraining || this.#invocations.size > 0 || !this.#background.isIdle) return;
    this.#writer.flush();
    this.#exit(0);
  }
}
