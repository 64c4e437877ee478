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
/**
 * Of one app, whatever the number of its functions: what is read, stored and looked at of it in a second takes a few
 * hundredths of one from all others.
 */
const MAX_APP_LINES_PER_SECOND = 4_000;
const MAX_APP_MIB_PER_SECOND = 4;
const MIB = 1024 * 1024;
/** Functions that may print within one second. */
const MAX_SOURCES = 2_000;
const INTERVAL_MS = 1_000;

/** What may still be printed. */
interface LineAllowance {
  lines: Allowance;
  characters: Allowance;
}

/** What all functions of an app may, and how many of them print. */
interface AppTally extends LineAllowance {
  functions: number;
}

/** What a function may still tell. */
interface Tally extends LineAllowance {
  source: FunctionSource;
  app: AppTally;
  /** Lines that the limit of the app left out. */
  beyondApp: number;
  reports: Allowance;
  failures: Allowance;
}

export class LogRecorder implements FunctionLog, InvocationLog {
  readonly #sink: LogSink;
  readonly #clock: Clock;
  readonly #spreadOf: (appName: string) => number;
  /** By deployment, then by function. */
  readonly #tallies = new Map<string, Map<string, Tally>>();
  readonly #apps = new Map<string, AppTally>();
  #sources = 0;
  #ended: { source: FunctionSource; served: ServedFunction; end: InvocationEnd; at: number }[] = [];

  /** @param spreadOf in how many data processes the app has workers: what it may print is divided among these */
  constructor(sink: LogSink, clock: Clock, spreadOf: (appName: string) => number = () => 1) {
    this.#sink = sink;
    this.#clock = clock;
    this.#spreadOf = spreadOf;
  }

  line(source: FunctionSource, line: LogLine, wasAdmitted: boolean = false): void {
    const tally = this.#tallyOf(source.deployment, source.functionName, source.appName);
    if (tally === null) return;
    tally.lines.addDropped(line.dropped);
    const tellsDroppedOnly = line.text === '' && line.dropped > 0;
    if (tellsDroppedOnly) return;
    const characters = line.text.length + (line.fields?.length ?? 0);
    if (!wasAdmitted && !this.#hasRoomFor(characters, tally)) return;
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

  admits({ deployment, functionName, appName }: FunctionSource, bytes: number): boolean {
    const tally = this.#tallyOf(deployment, functionName, appName);
    return tally !== null && this.#hasRoomFor(bytes, tally);
  }

  leftOut({ deployment, functionName, appName }: FunctionSource, count: number): void {
    this.#tallyOf(deployment, functionName, appName)?.lines.addDropped(count);
  }

  ended({ deployment, served }: InvocationTarget, end: InvocationEnd): void {
    const tally = this.#tallyOf(deployment.id, served.name, deployment.appName);
    if (tally === null) return;
    const allowance = end.failure === null ? tally.reports : tally.failures;
    if (!allowance.take(this.#clock.monotonicMs(), this.#spreadOf(deployment.appName))) return;
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

  /** Takes it from the function and from its app; what one of them has no room for is counted there, once. */
  #hasRoomFor(length: number, tally: Tally): boolean {
    const { lines, characters, app, source } = tally;
    const now = this.#clock.monotonicMs();
    // Who may print half as much pays twice for it.
    const spread = this.#spreadOf(source.appName);
    if (!lines.take(now, spread) || !characters.take(now, length * spread)) return false;
    if (app.lines.take(now, spread) && app.characters.take(now, length * spread)) return true;
    tally.beyondApp++;
    return false;
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
      app: this.#joinApp(appName, now),
      beyondApp: 0,
      lines: new Allowance(MAX_LINES_PER_SECOND, now),
      characters: new Allowance(MAX_MIB_PER_SECOND * MIB, now),
      reports: new Allowance(MAX_REPORTS_PER_SECOND, now),
      failures: new Allowance(MAX_FAILURES_PER_SECOND, now),
    };
    if (functions === undefined) this.#tallies.set(deployment, new Map([[functionName, tally]]));
    else functions.set(functionName, tally);
    return tally;
  }

  #joinApp(appName: string, nowMs: number): AppTally {
    const known = this.#apps.get(appName);
    if (known !== undefined) {
      known.functions++;
      return known;
    }
    const app: AppTally = {
      functions: 1,
      lines: new Allowance(MAX_APP_LINES_PER_SECOND, nowMs),
      characters: new Allowance(MAX_APP_MIB_PER_SECOND * MIB, nowMs),
    };
    this.#apps.set(appName, app);
    return app;
  }

  #forget({ app, source }: Tally): void {
    this.#sources--;
    app.functions--;
    if (app.functions === 0) this.#apps.delete(source.appName);
  }

  /** Every second while functions print; those that have not for a while are forgotten. */
  #tellDropped(): void {
    const now = this.#clock.monotonicMs();
    for (const [deployment, functions] of this.#tallies) {
      for (const [name, tally] of functions) {
        this.#tellDroppedOf(tally);
        const { lines, characters, reports, failures } = tally;
        const isIdle = [lines, characters, reports, failures].every((one) => one.isFull(now));
        if (isIdle && functions.delete(name)) this.#forget(tally);
      }
      if (functions.size === 0) this.#tallies.delete(deployment);
    }
    if (this.#sources > 0) this.#clock.after(INTERVAL_MS, () => this.#tellDropped());
  }

  #tellDroppedOf(tally: Tally): void {
    const { source, lines, characters, reports, failures, beyondApp } = tally;
    tally.beyondApp = 0;
    const told: [number, string][] = [
      [lines.takeDropped(), `lines dropped: a function may print ${MAX_LINES_PER_SECOND} a second`],
      [
        characters.takeDropped(),
        `lines dropped: a function may print ${MAX_MIB_PER_SECOND} MiB a second`,
      ],
      [
        beyondApp,
        `lines dropped: the functions of an app may print ${MAX_APP_LINES_PER_SECOND} and ${MAX_APP_MIB_PER_SECOND} MiB a second together`,
      ],
      [reports.takeDropped(), `reports left out: ${MAX_REPORTS_PER_SECOND} a second are kept`],
      [failures.takeDropped(), `failures left out: ${MAX_FAILURES_PER_SECOND} a second are kept`],
    ];
    for (const [dropped, what] of told) {
      if (dropped === 0) continue;
      const notice = noticeOf(source, this.#clock.now(), { text: `${dropped} ${what}`, dropped });
      this.#sink.add(source.appName, notice);
    }
  }
}

function nameOf({ deployment, functionName }: FunctionSource) {
  return { deployment, functionName };
}
