/**
 * Keeps the certificates that shall exist: looks when something is due, orders it, and publishes what comes. What is due is
 * decided anew at each look from the database and the clock alone, so a restart, a second process or a clock that was put
 * right need nothing else.
 */
import { type CertificateRow, listCertificates } from '../store/certificates.ts';
import { clearNotBefore, deleteSchedules, listSchedule } from '../store/certificate-schedule.ts';
import { type AttemptDeps, attemptOrder } from './orders/attempt.ts';
import { hasTurned } from './certificate-index.ts';
import {
  atRisk,
  certificateStatus,
  type CertificateStatus,
  isClockBehind,
} from './certificate-status.ts';
import type { CertificateProblem } from './certificate-problem.ts';
import type { AcmeDirectorySetting, CertificatePublisher, WantedCertificate } from './ports.ts';
import { askRenewalInfo, renewalInfoDueAt } from './orders/renewal-info.ts';
import { currentCertificate, dueAt, type Schedule } from './schedule.ts';

export interface CertificateKeeper {
  start(signal: AbortSignal): void;
  /** The wanted set has changed. */
  lookAgain(): void;
  status(): Promise<CertificateStatus[]>;
  /**
   * Tries at once what waits after a failure, as far as its authority has not asked for patience, and not twice within a
   * minute: authorities count what fails.
   */
  retry(name: string): Promise<void>;
  /** Something ends soon, or has ended, and is not renewed. */
  readonly isAlarmed: boolean;
}

interface KeeperDeps extends AttemptDeps {
  /** `rows`: all certificates that there are. */
  wanted(rows: readonly CertificateRow[]): Promise<WantedCertificate[]>;
  publisher: CertificatePublisher;
  events: KeeperEvents;
}

export interface KeeperEvents {
  issued(certificate: CertificateRow): void;
  failed(names: readonly string[], problem: CertificateProblem): void;
  /** Once, when the first of them comes to it, and again only after all were well. */
  alarm(statuses: readonly CertificateStatus[], isClockBehind: boolean): void;
  recovered(): void;
  error: (error: unknown) => void;
}

/** Orders at a time: each has a connection to the database for as long, of the eight that there are. */
const MAX_ORDERS = 3;
/** The clock may be put right, or another process may have failed: so often all is looked at in any case. */
const LOOK_MS = 60_000;
/** What another process is at, or what the database did not let us do, is left alone for so long. */
const REST_MS = 5_000;
/** The shortest wait after a failure is no shorter for who asks. */
const RETRY_REST_MS = 60_000;

interface Item {
  wanted: WantedCertificate;
  name: string;
  schedule: Schedule | null;
  current: CertificateRow | null;
}

export function createCertificateKeeper(
  deps: KeeperDeps,
  { directories }: { directories: readonly AcmeDirectorySetting[] },
): CertificateKeeper {
  const { db, clock, events } = deps;
  const running = new Set<string>();
  /** Name → when it may be tried again here, on the monotonic clock. */
  const resting = new Map<string, number>();
  let isBehind = true;
  /** When what is served was chosen. */
  let chosenAt = 0;
  let isAlarmed = false;
  let wake = (): void => {};

  /** `unwanted`: what is scheduled and shall not exist any more. */
  async function readItems(): Promise<{
    items: Item[];
    rows: CertificateRow[];
    unwanted: string[];
  }> {
    const [rows, schedules] = await Promise.all([
      listCertificates(db),
      listSchedule<CertificateProblem>(db),
    ]);
    const wanted = await deps.wanted(rows);
    const byName = new Map(schedules.map((schedule) => [schedule.name, schedule]));
    const items = wanted.map((one) => {
      const [name = ''] = one.names;
      const schedule = byName.get(name) ?? null;
      return { wanted: one, name, schedule, current: currentCertificate(rows, one) };
    });
    const names = new Set(items.map(({ name }) => name));
    return { items, rows, unwanted: [...byName.keys()].filter((name) => !names.has(name)) };
  }

  async function publish(): Promise<void> {
    isBehind = true;
    const now = clock.now();
    await deps.publisher.publish();
    chosenAt = now;
    isBehind = false;
  }

  /** Begins what is due, as far as there is room; answers with the milliseconds until the next look. */
  async function look(signal: AbortSignal): Promise<number> {
    if (isBehind) await publish().catch(events.error);
    const { items, rows, unwanted } = await readItems();
    await deleteSchedules(
      db,
      unwanted.filter((name) => !running.has(name)),
    );
    if (hasTurned(rows, chosenAt, clock.now())) await publish().catch(events.error);
    raiseAlarm(items, rows);
    let waitMs = LOOK_MS;
    for (const item of items) {
      if (running.has(item.name) || directories.length === 0) continue;
      const untilMs = timeUntil(item);
      if (untilMs > 0) waitMs = Math.min(waitMs, untilMs);
      else if (running.size < MAX_ORDERS) begin(item, signal);
    }
    return waitMs;
  }

  function timeUntil(item: Item): number {
    const restMs = (resting.get(item.name) ?? 0) - clock.monotonicMs();
    return Math.max(restMs, Math.min(nextWork(item), Number.MAX_SAFE_INTEGER) - clock.now());
  }

  function nextWork({ schedule, current }: Item): number {
    const orderAt = dueAt(schedule, current, clock.now());
    if (schedule === null || current === null) return orderAt;
    return Math.min(orderAt, renewalInfoDueAt(schedule, current) ?? orderAt);
  }

  function begin(item: Item, signal: AbortSignal): void {
    running.add(item.name);
    work(item, signal)
      .catch((error: unknown) => {
        rest(item.name);
        if (!signal.aborted) events.error(error);
      })
      .finally(() => {
        running.delete(item.name);
        wake();
      });
  }

  function rest(name: string): void {
    resting.set(name, clock.monotonicMs() + REST_MS);
  }

  async function work(item: Item, stop: AbortSignal): Promise<void> {
    resting.delete(item.name);
    const isOurs = await db.tryLocked(`certificate ${item.name}`, async (lost) => {
      const signal = AbortSignal.any([stop, lost]);
      if (dueAt(item.schedule, item.current, clock.now()) <= clock.now())
        await tryOrder(item, signal);
      else await askAuthority(item, signal);
      return true;
    });
    if (isOurs === null) rest(item.name);
  }

  async function tryOrder(item: Item, signal: AbortSignal): Promise<void> {
    const result = await attemptOrder(deps, item.wanted, { directories, signal });
    if (result.kind === 'failed') events.failed(item.wanted.names, result.problem);
    if (result.kind !== 'issued') return;
    await publish();
    events.issued(result.row);
  }

  async function askAuthority({ schedule, current }: Item, signal: AbortSignal): Promise<void> {
    if (schedule !== null && current !== null)
      await askRenewalInfo(deps, { schedule, current }, signal);
  }

  function raiseAlarm(items: readonly Item[], rows: readonly CertificateRow[]): void {
    const statuses = atRisk(items.map(statusOf));
    const isWrong = isClockBehind(rows, clock.now());
    const hasReason = statuses.length > 0 || isWrong;
    if (hasReason && !isAlarmed) events.alarm(statuses, isWrong);
    if (!hasReason && isAlarmed) events.recovered();
    isAlarmed = hasReason;
  }

  function statusOf(item: Item): CertificateStatus {
    return certificateStatus(item.wanted, item, clock.now());
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let isWoken = false;
      let onWake = (): void => {};
      wake = () => {
        isWoken = true;
        onWake();
      };
      const waitMs = await look(signal).catch((error: unknown) => {
        if (!signal.aborted) events.error(error);
        return REST_MS;
      });
      if (isWoken) continue;
      await new Promise<void>((resolve) => {
        const cancel = clock.after(waitMs, resolve);
        onWake = () => {
          cancel();
          resolve();
        };
      });
    }
  }

  return {
    start(signal) {
      signal.addEventListener('abort', () => wake(), { once: true });
      run(signal).catch(events.error);
    },
    lookAgain: () => wake(),
    status: async () => (await readItems()).items.map(statusOf),
    async retry(name) {
      const { items } = await readItems();
      for (const { wanted, name: row, schedule } of items) {
        const failedAt = schedule?.lastProblem?.at ?? Infinity;
        if (!wanted.names.includes(name) || clock.now() - failedAt < RETRY_REST_MS) continue;
        await clearNotBefore(db, row);
        resting.delete(row);
      }
      wake();
    },
    get isAlarmed() {
      return isAlarmed;
    },
  };
}
