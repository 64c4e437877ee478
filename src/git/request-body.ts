import {
  PassThrough,
  pipeline,
  Transform,
  type Readable,
  type TransformCallback,
} from 'node:stream';
import type { GitLimits } from './limits.ts';
import { Refusal } from './refusal.ts';

/** Compressed bodies are small; up to here their ratio says nothing. */
const UNSUSPICIOUS_BYTES = 1024 * 1024;

export interface BodyOptions {
  limits: GitLimits;
  /** Of the body as git will read it. */
  maxBytes: number;
  /** Told of the bytes that have come, before they go on. */
  onReceived: (bytes: number) => void;
  /** Up to how many bytes the client may still take its time, where it sends as it makes them; else none. */
  unhurriedBytes?: () => number;
  /** And for how long in all; `preparationMs` without. */
  unhurriedMs?: number;
}

interface MeteredBody {
  body: Readable;
  /** The client went away before all had come. */
  breakOff: () => void;
}

/**
 * What a client sends, as git shall read it: inflated where it is compressed, capped, and failing with a Refusal when
 * it is too large, too slow or broken off. The source is never destroyed.
 */
export function meterBody(
  source: Readable,
  options: BodyOptions,
  inflate: Transform | null,
): MeteredBody {
  const meter = new Meter(options);
  source.pipe(meter);
  const body =
    inflate === null
      ? pipeline(meter, new PassThrough(), ignoreError)
      : pipeline(meter, inflate, new InflateGuard(options, meter), ignoreError);
  // Whoever reads later sees the error in `errored`; without a listener it would end the process now.
  body.on('error', ignoreError);
  return {
    body,
    breakOff: () => void meter.destroy(new Refusal(400, 'the request was broken off')),
  };
}

export function tooLarge({ maxBytes }: BodyOptions): Refusal {
  return new Refusal(413, `the request is larger than ${maxBytes} bytes`);
}

function ignoreError(): void {}

/** Counts what the client sends: not too much, and not too slowly while we are the ones who wait. */
class Meter extends Transform {
  received = 0;
  readonly #options: BodyOptions;
  readonly #timer: NodeJS.Timeout;
  #receivedBefore = 0;
  #wasHeldUp = false;
  #unhurriedMs = 0;

  constructor(options: BodyOptions) {
    super();
    this.#options = options;
    this.#timer = setInterval(() => this.#checkRate(), options.limits.uploadStallMs);
    this.on('close', () => clearInterval(this.#timer));
    this.on('finish', () => clearInterval(this.#timer));
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.received += chunk.length;
    this.#options.onReceived(this.received);
    if (this.received > this.#options.maxBytes) return done(tooLarge(this.#options));
    if (this.readableLength + chunk.length >= this.readableHighWaterMark) this.#wasHeldUp = true;
    done(null, chunk);
  }

  #checkRate(): void {
    if (this.#isUnhurried()) return;
    const isHeldUp = this.#wasHeldUp || this.writableNeedDrain || this.readableLength > 0;
    const isTooSlow = this.received - this.#receivedBefore < this.#options.limits.uploadStallBytes;
    this.#receivedBefore = this.received;
    this.#wasHeldUp = false;
    if (isTooSlow && !isHeldUp) this.destroy(new Refusal(408, 'the request came too slowly'));
  }

  /** A client that is at work on what it will send; the deadline of the whole holds for it. */
  #isUnhurried(): boolean {
    const { unhurriedBytes, limits, unhurriedMs = limits.preparationMs } = this.#options;
    if (unhurriedBytes === undefined || this.received > unhurriedBytes()) return false;
    this.#unhurriedMs += limits.uploadStallMs;
    return this.#unhurriedMs < unhurriedMs;
  }
}

/** Stops what inflates beyond all reason before it has cost anything. */
class InflateGuard extends Transform {
  readonly #options: BodyOptions;
  readonly #meter: Meter;
  #inflated = 0;

  constructor(options: BodyOptions, meter: Meter) {
    super();
    this.#options = options;
    this.#meter = meter;
  }

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    this.#inflated += chunk.length;
    const allowed = UNSUSPICIOUS_BYTES + this.#meter.received * this.#options.limits.inflateRatio;
    const isBomb = this.#inflated > allowed || this.#inflated > this.#options.maxBytes;
    if (isBomb) done(tooLarge(this.#options));
    else done(null, chunk);
  }
}
