/** Which of the things that can meet have met in a history. */
import type { History, Operation } from './history.ts';
import { INTERRUPTIBLE } from './script.ts';

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

/** How often each occurred, by name; those of kills where there were any. */
export function occurrences(history: History): Map<string, number> {
  const found = new Map<string, number>();
  for (const [name, countIn] of Object.entries(MEETINGS)) found.set(name, countIn(history));
  for (const [index, kind] of INTERRUPTIBLE.entries()) {
    const struck = history.operations.filter(
      (one) =>
        one.kind === kind && history.kills.some(({ at }) => at > one.invokedAt && at < one.endedAt),
    );
    found.set(KILL_NAMES[index] ?? '', struck.length);
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
