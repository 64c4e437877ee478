/** Lambda's response streaming: the global `awslambda`, and the stream that a handler of it writes to. */
import { Writable } from 'node:stream';
import type { UserFunction } from './handlers.ts';
import type { Invocation } from '../invocation.ts';
import { readResultHead, type ResultObject } from './result.ts';
import type { HeaderPairs } from '../response-headers.ts';

/** How AWS marks a handler that streams. */
const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
/** AWS's own default. */
const DEFAULT_TYPE = 'application/octet-stream';

export function isStreaming(handler: UserFunction): boolean {
  return (handler as unknown as Record<symbol, unknown>)[STREAMING] === 'response';
}

/** To be called before the function is loaded. */
export function provideAwsLambda(): void {
  const awslambda = {
    streamifyResponse: (handler: UserFunction) =>
      Object.assign(handler, { [STREAMING]: 'response' }),
    HttpResponseStream: {
      /** Status, headers and cookies of the answer; to be told before anything is written. */
      from: (stream: LambdaResponseStream, head: ResultObject) => stream.withHead(head),
    },
  };
  // Writable: AWS's own clients assign it, to itself.
  Object.defineProperty(globalThis, 'awslambda', {
    value: awslambda,
    configurable: true,
    writable: true,
  });
}

/** What a handler writes is sent as it comes; the head goes with the first of it, or with the end. */
export class LambdaResponseStream extends Writable {
  readonly #invocation: Invocation;
  #status = 200;
  #headers: HeaderPairs = [['content-type', DEFAULT_TYPE]];
  #isStarted = false;

  constructor(invocation: Invocation) {
    super();
    this.#invocation = invocation;
    invocation.whenCancelled((reason) => this.destroy(reason));
    this.on('error', () => {}); // The invocation has failed with it already.
  }

  withHead(head: ResultObject): this {
    const { status, headers } = readResultHead(head, DEFAULT_TYPE);
    this.#status = status;
    this.#headers = headers;
    return this;
  }

  setContentType(type: string): void {
    this.#headers = this.#headers.filter(([name]) => name.toLowerCase() !== 'content-type');
    this.#headers.push(['content-type', type]);
  }

  #start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#invocation.start(this.#status, this.#headers, null);
  }

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    try {
      this.#start();
    } catch (error) {
      this.#invocation.fail(error);
      callback(error as Error);
      return;
    }
    void this.#send(chunk, callback);
  }

  async #send(chunk: Buffer, callback: (error?: Error) => void): Promise<void> {
    let failure: Error | undefined;
    try {
      await this.#invocation.write(chunk);
    } catch (error) {
      failure = error as Error;
    }
    callback(failure);
  }

  override _final(callback: (error?: Error) => void): void {
    try {
      if (this.#isStarted) this.#invocation.end();
      else void this.#invocation.reply(this.#status, this.#headers, '');
      callback();
    } catch (error) {
      this.#invocation.fail(error);
      callback(error as Error);
    }
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.writableFinished && !this.#invocation.isSettled) {
      this.#invocation.fail(error ?? new Error('the handler destroyed its response stream'));
    }
    callback(error);
  }
}
