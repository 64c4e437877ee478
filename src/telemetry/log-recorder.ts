/** Makes log entries of what workers print and of how invocations end, in data. Bounded for each function. */
import type { ServedFunction } from '../model/served.ts';
import type { LogLine } from '../protocol/worker.ts';
import type { Clock } from '../std/clock.ts';
import type { FunctionLog, FunctionSource } from '../pool/ports.ts';
import type { InvocationEnd, InvocationLog, InvocationTarget } from '../router/ports.ts';
import { Allowance } from './allowance.ts';
import { describeFailure } from './failure-text.ts';
import { noticeOf } from './notice.ts';
import type { LogSink } from './ports.ts';
import { reportText } from './report-text.ts';

/** Of one function, whatever the number of its workers. */
const MAX_LINES_PER_SECOND = 1_000;
/**
 * Of one function, about as much as bytes: a thousand long lines a second would fill what all functions share on
 * their way to the database, and have the others' lines dropped.
 */
const MAX_MIB_PER_SECOND = 1;
/**
 * Of one function. A report for each of the tens of thousands of requests that a busy one answers in a second would
 * cost more than answering them, so the rest is counted.
 */
const MAX_REPORTS_PER_SECOND = 200;
const MAX_FAILURES_PER_SECOND = 100;
/** Functions that may print within one second. */
const MAX_SOURCES = 2_000;
const INTERVAL_MS = 1_000;

/** What a function may still tell. */
interface Tally {
  source: FunctionSource;
  lines: Allowance;
  characters: Allowance;
  reports: Allowance;
  failures: Allowance;
}

export class LogRecorder implements FunctionLog, InvocationLog {
  readonly #sink: LogSink;
  readonly #clock: Clock;
  /** By deployment, then by function. */
  readonly #tallies = new Map<string, Map<string, Tally>>();
  #sources = 0;
  #ended: { source: FunctionSource; served: ServedFunction; end: InvocationEnd; at: number }[] = [];

  constructor(sink: LogSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
  }

  line(source: FunctionSource, line: LogLine): void {
    const tally = this.#tallyOf(source.deployment, source.functionName, source.appName);
    if (tally === null) return;
    tally.lines.addDropped(line.dropped);
    const tellsDroppedOnly = line.text === '' && line.dropped > 0;
    if (tellsDroppedOnly || !hasRoomFor(line, tally, this.#clock.monotonicMs())) return;
    this.#sink.add(source.appName, {
      at: this.#clock.now(),
      kind: 'line',
      level: line.level,
      ...nameOf(source),
      requestId: line.requestId,
      text: line.text,
      fields: line.fields ?? null,
    });
  }

  ended({ deployment, served }: InvocationTarget, end: InvocationEnd): void {
    const tally = this.#tallyOf(deployment.id, served.name, deployment.appName);
    if (tally === null) return;
    const allowance = end.failure === null ? tally.reports : tally.failures;
    if (!allowance.take(this.#clock.monotonicMs())) return;
    // The worker tells of its memory right behind its answer: what both say is known when this read is done.
    if (this.#ended.length === 0) setImmediate(() => this.#tellEnded());
    this.#ended.push({ source: tally.source, served, end, at: this.#clock.now() });
  }

  #tellEnded(): void {
    const ended = this.#ended;
    this.#ended = [];
    for (const { source, served, end, at } of ended) {
      const common = { at, ...nameOf(source), requestId: end.requestId };
      if (end.failure !== null) {
        const failure = describeFailure(end.failure);
        this.#sink.add(source.appName, { ...common, kind: 'failure', ...failure });
      }
      const report = reportText(served, end);
      this.#sink.add(source.appName, { ...common, kind: 'report', level: 'info', ...report });
    }
  }

  /** Null when too many functions print at once. */
  #tallyOf(deployment: string, functionName: string, appName: string): Tally | null {
    const functions = this.#tallies.get(deployment);
    const known = functions?.get(functionName);
    if (known !== undefined) return known;
    if (this.#sources >= MAX_SOURCES) return null;
    if (this.#sources++ === 0) this.#clock.after(INTERVAL_MS, () => this.#tellDropped());
    const now = this.#clock.monotonicMs();
    const tally: Tally = {
      source: { appName, deployment, functionName },
      lines: new Allowance(MAX_LINES_PER_SECOND, now),
      characters: new Allowance(MAX_MIB_PER_SECOND * 1024 * 1024, now),
      reports: new Allowance(MAX_REPORTS_PER_SECOND, now),
      failures: new Allowance(MAX_FAILURES_PER_SECOND, now),
    };
    if (functions === undefined) this.#tallies.set(deployment, new Map([[functionName, tally]]));
    else functions.set(functionName, tally);
    return tally;
  }

  /** Every second while functions print; those that have not for a while are forgotten. */
  #tellDropped(): void {
    const now = this.#clock.monotonicMs();
    for (const [deployment, functions] of this.#tallies) {
      for (const [name, tally] of functions) {
        this.#tellDroppedOf(tally);
        const { lines, characters, reports, failures } = tally;
        const isIdle = [lines, characters, reports, failures].every((one) => one.isFull(now));
        if (isIdle && functions.delete(name)) this.#sources--;
      }
      if (functions.size === 0) this.#tallies.delete(deployment);
    }
    if (this.#sources > 0) this.#clock.after(INTERVAL_MS, () => this.#tellDropped());
  }

  #tellDroppedOf({ source, lines, characters, reports, failures }: Tally): void {
    const told: [Allowance, string][] = [
      [lines, `lines dropped: a function may print ${MAX_LINES_PER_SECOND} a second`],
      [characters, `lines dropped: a function may print ${MAX_MIB_PER_SECOND} MiB a second`],
      [reports, `reports left out: ${MAX_REPORTS_PER_SECOND} a second are kept`],
      [failures, `failures left out: ${MAX_FAILURES_PER_SECOND} a second are kept`],
    ];
    for (const [allowance, what] of told) {
      const dropped = allowance.takeDropped();
      if (dropped === 0) continue;
      const notice = noticeOf(source, this.#clock.now(), { text: `${dropped} ${what}`, dropped });
      this.#sink.add(source.appName, notice);
    }
  }
}

function hasRoomFor(line: LogLine, { lines, characters }: Tally, nowMs: number): boolean {
  const length = line.text.length + (line.fields?.length ?? 0);
  return lines.take(nowMs) && characters.take(nowMs, length);
}

function nameOf({ deployment, functionName }: FunctionSource) {
  return { deployment, functionName };
}
