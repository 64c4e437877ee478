import type { OverheadLimits } from './limits.ts';

/** What a connection has had since it began. */
export interface Traffic {
  receivedBytes: number;
  sentBytes: number;
  /** Of `receivedBytes`, what belonged to bodies. */
  bodyBytes: number;
  streams: number;
}

/** Tells at each look whether a connection has sent more since the one before than bodies, heads and windows account for. */
export class OverheadWatch {
  readonly #limits: OverheadLimits;
  #before: Traffic = { receivedBytes: 0, sentBytes: 0, bodyBytes: 0, streams: 0 };
  #atMs: number;
  /** What was too much so far, less what was left since: one burst is nobody's flood. */
  #overBytes = 0;

  constructor(limits: OverheadLimits, nowMs: number) {
    this.#limits = limits;
    this.#atMs = nowMs;
  }

  isTooMuch(now: Traffic, nowMs: number): boolean {
    const { bytesPerSecond, bytesPerStream, perBodyByte, perSentByte } = this.#limits;
    const before = this.#before;
    const elapsedS = (nowMs - this.#atMs) / 1_000;
    const received = now.receivedBytes - before.receivedBytes;
    const accounted =
      (now.bodyBytes - before.bodyBytes) * (1 + perBodyByte) +
      (now.streams - before.streams) * bytesPerStream +
      (now.sentBytes - before.sentBytes) * perSentByte +
      elapsedS * bytesPerSecond;
    this.#before = now;
    this.#atMs = nowMs;
    this.#overBytes = Math.max(0, this.#overBytes + received - accounted);
    return this.#overBytes > bytesPerSecond;
  }
}
