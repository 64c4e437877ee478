/** Which of the things that can meet have met in a history. */
import type { History, Operation } from './history.ts';
import { INTERRUPTIBLE, type Interruptible } from './script.ts';

const isPush = ({ kind }: Operation): boolean => kind === 'push';
const TEN = 10;
/** From which a pair of one kind is found. */
const SIDES = 2;

const MEETINGS = {
  'two pushes at once to one ref': (history: History) =>
    meetings(history, isPush, isPush, (one, other) => one.ref === other.ref),
  'two pushes at once, one of them to ten refs': (history: History) =>
    meetings(
      history,
      (one) => isPush(one) && one.refs >= TEN,
      isPush,
      (one, other) => one.ref === other.ref && one.commit !== other.commit,
    ),
  'a push that supersedes another': ({ end }: History) =>
    end.rows.filter(({ reason }) => reason?.startsWith('superseded')).length,
  'a push that is cancelled': (history: History) =>
    count(history, ({ kind, answer }) => kind === 'cancel' && answer === 'ok'),
  'somebody attached to a push to its end': (history: History) =>
    count(history, ({ kind, answer }) => kind === 'attach' && answer === 'ok'),
  'a push that ends by Ctrl-C': (history: History) => count(history, (one) => one.isInterrupted),
  'a push during a rollback': (history: History) =>
    meetings(history, isPush, ({ kind }) => kind === 'rollback'),
  'a push during a deletion of its branch': (history: History) =>
    meetings(
      history,
      isPush,
      ({ kind }) => kind === 'delete',
      (one, other) => one.ref === other.ref,
    ),
  'a change of the environment during a push': (history: History) =>
    meetings(history, isPush, ({ kind }) => kind === 'environment'),
} satisfies Record<string, (history: History) => number>;

export const MEETING_NAMES = Object.keys(MEETINGS);
export const KILL_NAMES = INTERRUPTIBLE.map((kind) => `a kill during ${kind}`);

/** What goes on without its pusher is under way for so long at least. */
const AFTER_CTRL_C_MS = 200;

/** Whether what was under way when something was killed was this. */
const MIDDLES: Record<Interruptible, (underWay: Operation[]) => boolean> = {
  push: (all) => all.some(isPush),
  'two pushes to one ref': (all) => areTwo(all.filter(isPush)),
  'two pushes to ten refs': (all) => areTwo(all.filter((one) => isPush(one) && one.refs >= TEN)),
  'push that ended by Ctrl-C': (all) => all.some(({ isInterrupted }) => isInterrupted),
  delete: (all) => has(all, 'delete'),
  rollback: (all) => has(all, 'rollback'),
  environment: (all) => has(all, 'environment'),
  cancel: (all) => has(all, 'cancel'),
  attach: (all) => has(all, 'attach'),
};

function underWay({ operations }: History, at: number): Operation[] {
  return operations.filter(({ invokedAt, endedAt, isInterrupted }) =>
    isInterrupted
      ? endedAt <= at && at < endedAt + AFTER_CTRL_C_MS
      : invokedAt < at && at < endedAt,
  );
}

/** To one ref, of different commits. */
function areTwo(pushes: Operation[]): boolean {
  return pushes.some((one) =>
    pushes.some((other) => one.ref === other.ref && one.commit !== other.commit),
  );
}

/** Beside a push. */
function has(all: Operation[], kind: Operation['kind']): boolean {
  return all.some(isPush) && all.some((one) => one.kind === kind);
}

/** How often each occurred, by name; those of kills where there were any. */
export function occurrences(history: History): Map<string, number> {
  const found = new Map<string, number>();
  for (const [name, countIn] of Object.entries(MEETINGS)) found.set(name, countIn(history));
  for (const [index, kind] of INTERRUPTIBLE.entries()) {
    const isInTheMiddle = MIDDLES[kind];
    const kills = history.kills.filter(({ at }) => isInTheMiddle(underWay(history, at)));
    found.set(KILL_NAMES[index] ?? '', kills.length);
  }
  return found;
}

export function add(sum: Map<string, number>, more: Map<string, number>): void {
  for (const [name, times] of more) sum.set(name, (sum.get(name) ?? 0) + times);
}

function count({ operations }: History, isOne: (operation: Operation) => boolean): number {
  return operations.filter(isOne).length;
}

/** Pairs that were under way at the same time. */
function meetings(
  { operations }: History,
  isOne: (operation: Operation) => boolean,
  isOther: (operation: Operation) => boolean,
  doMeet: (one: Operation, other: Operation) => boolean = () => true,
): number {
  const pairs = operations.filter(isOne).flatMap((one) =>
    operations
      .filter(isOther)
      .filter((other) => other !== one && doMeet(one, other))
      .filter((other) => one.invokedAt < other.endedAt && other.invokedAt < one.endedAt),
  );
  return isOne === isOther ? pairs.length / SIDES : pairs.length;
}
