/**
 * Judges a history: each branch is a register that pushes, deletions and rollbacks write and requests read. A value may
 * be read while the operation that wrote it can still be the last one: until another operation that began after its
 * answer has an answer too. The environment is a register of its own.
 */
import type { PushOutcome } from '../../src/model/push.ts';
import type { History, Operation, Reading, Row } from './history.ts';

/** What contradicts what the platform promises; empty when nothing does. */
export function judge(history: History): string[] {
  return [
    ...wholeAnswers(history),
    ...growingVersions(history),
    ...acknowledgedVersions(history),
    ...freshCommits(history),
    ...freshSettings(history),
    ...cancelledPushes(history),
    ...attachedPushes(history),
    ...history.end.overdue.map((text) => `too late: ${text}`),
    ...openPushes(history),
    ...openRows(history),
  ];
}

/** Each answer is of one complete version, and there is one wherever nothing excuses its absence. */
function wholeAnswers({ readings, absences, marks, operations, end }: History): string[] {
  return [...readings, ...end.readings].flatMap((reading) => {
    const { status, code, commit, version } = reading;
    if (status === 404)
      return mayBeMissing(reading, operations) ? [] : [tell(reading, 'is missing')];
    if (status !== 200 || code === null) {
      return absences.some(({ from, to }) => from < reading.answeredAt && to > reading.askedAt)
        ? []
        : [tell(reading, `has failed with ${status}: ${reading.said}`)];
    }
    const mark = marks.get(commit ?? '');
    const isWhole =
      code.one === mark &&
      code.two === mark &&
      code.commit === commit &&
      code.version === `v${version}`;
    return isWhole ? [] : [tell(reading, `is not of one version: ${JSON.stringify(code)}`)];
  });
}

function mayBeMissing({ ref, askedAt, answeredAt }: Reading, operations: Operation[]): boolean {
  const own = operations.filter((one) => one.ref === ref && one.kind !== 'environment');
  const shown = own.filter(isReleased).filter(({ completedAt }) => completedAt < askedAt);
  if (shown.length === 0) return true;
  return own.some(
    (one) =>
      one.kind === 'delete' &&
      one.answer !== 'refused' &&
      one.invokedAt < answeredAt &&
      !shown.some((later) => later.invokedAt > one.completedAt),
  );
}

/** A later request never meets an earlier version, and a version is of one commit. */
function growingVersions({ readings, end }: History): string[] {
  const problems: string[] = [];
  const commits = new Map<number, string | null>();
  const answered = [...readings, ...end.readings].filter(({ version }) => version !== null);
  for (const later of answered) {
    const version = later.version ?? 0;
    const commit = commits.get(version) ?? later.commit;
    commits.set(version, commit);
    if (commit !== later.commit) problems.push(tell(later, `was ${commit} before`));
    const newer = answered.find(
      (one) =>
        one.ref === later.ref && one.answeredAt < later.askedAt && (one.version ?? 0) > version,
    );
    if (newer !== undefined) problems.push(tell(later, `is older than v${newer.version} before`));
  }
  return problems;
}

/** What was said to be live is not followed by what is older. */
function acknowledgedVersions({ operations, readings, end }: History): string[] {
  return operations.flatMap((operation) => {
    const { ref, version, completedAt, answer } = operation;
    if (answer !== 'ok' || version === null) return [];
    return [...readings, ...end.readings]
      .filter((one) => one.ref === ref && one.askedAt > completedAt && one.version !== null)
      .filter((one) => (one.version ?? 0) < version)
      .map((one) => tell(one, `is served after v${version} was said to be live`));
  });
}

/** No request meets a commit that was refused, not pushed yet, or surely replaced. */
function freshCommits({ operations, readings, end }: History): string[] {
  const writes = operations.filter(({ kind }) => ['push', 'delete', 'rollback'].includes(kind));
  return [...readings, ...end.readings].flatMap((reading) => {
    const { ref, commit } = reading;
    if (commit === null) return [];
    const own = writes.filter((one) => one.ref === ref);
    // An answer that was lost may have been of any commit.
    const ofIt = own.filter(
      (one) => one.commit === commit || (one.kind === 'rollback' && one.commit === null),
    );
    return isFresh(reading, ofIt, own) ? [] : [tell(reading, 'is not what was pushed last')];
  });
}

function freshSettings({ production, operations, readings, end }: History): string[] {
  const changes = operations.filter(({ kind }) => kind === 'environment');
  return [...readings, ...end.readings].flatMap((reading) => {
    if (reading.ref !== production || reading.code === null) return [];
    const { setting } = reading.code;
    const ofIt = changes.filter(({ value }) => value === setting);
    const isUnset = setting === null && !changes.some((one) => endsBefore(one, reading));
    return isUnset || isFresh(reading, ofIt, changes)
      ? []
      : [tell(reading, `has the setting ${setting}, which is not what was set last`)];
  });
}

/** Whether one of `candidates` can be the last of `writes` that the reading saw. */
function isFresh(reading: Reading, candidates: Operation[], writes: Operation[]): boolean {
  return candidates.some(
    (one) =>
      one.answer !== 'refused' &&
      one.invokedAt < reading.answeredAt &&
      !writes.some((later) => later.invokedAt > one.completedAt && endsBefore(later, reading)),
  );
}

function endsBefore(operation: Operation, reading: Reading): boolean {
  return isReleased(operation) && operation.completedAt < reading.askedAt;
}

/** What its answer says has been brought to the host. */
function isReleased({ kind, answer, version, isPostponed }: Operation): boolean {
  return answer === 'ok' && (kind === 'delete' ? !isPostponed : version !== null);
}

/** A push that somebody was told to have cancelled is refused. */
function cancelledPushes({ operations }: History): string[] {
  const cancelled = operations.filter((one) => one.kind === 'cancel' && one.answer === 'ok');
  return cancelled.flatMap((cancel) =>
    pushesMetBy(cancel, operations)
      .filter(({ answer }) => answer === 'ok')
      .map((one) => `${one.ref}: the push of ${one.commit} was cancelled and accepted`),
  );
}

/** Of the commit that a cancellation or an attachment met; the same may be pushed again afterwards. */
function pushesMetBy({ commit, completedAt }: Operation, operations: Operation[]): Operation[] {
  return operations.filter(
    (one) => one.kind === 'push' && one.commit === commit && one.invokedAt < completedAt,
  );
}

/** Who was attached to a push was told what its pusher was told. */
function attachedPushes({ operations }: History): string[] {
  return operations.flatMap((operation) => {
    const { kind, commit, outcome } = operation;
    if (kind !== 'attach' || commit === null || outcome === null) return [];
    const answers = pushesMetBy(operation, operations).map(({ answer }) => answer);
    if (LATE_OUTCOMES.includes(outcome)) return [];
    // Of one that succeeds, some refs may have been moved by others at the same instant.
    const isContradicted =
      outcome === 'succeeded'
        ? answers.length > 0 && answers.every((answer) => answer === 'refused')
        : answers.includes('ok');
    return isContradicted
      ? [`the push of ${commit} was told to be ${outcome}, and is ${answers.join(', ')}`]
      : [];
  });
}

/** A push that git has taken can still end like this, and its pusher is told so in words alone. */
const LATE_OUTCOMES: readonly PushOutcome[] = ['failed', 'release-failed'];

/** Each branch is where an accepted push that can be the last has put it, and so is its host. */
function settledRefs({ operations, end, production }: History): string[] {
  const refs = new Set(operations.map(({ ref }) => ref));
  return [...refs].flatMap((ref) => {
    const moves = operations.filter(
      (one) => one.ref === ref && (one.kind === 'push' || one.kind === 'delete'),
    );
    const at = end.refs.get(ref) ?? null;
    const movers = moves.filter((one) => one.commit === at && one.answer !== 'refused');
    const isLast = movers.some(
      (one) => !moves.some((later) => later.answer === 'ok' && later.invokedAt > one.completedAt),
    );
    const isUntouched = at === null && !moves.some(({ answer }) => answer === 'ok');
    const problems =
      isLast || isUntouched ? [] : [`${ref}: is at ${at}, which was not pushed last`];
    const served = end.readings.find((one) => one.ref === ref)?.commit ?? null;
    const pushedAt = Math.min(...movers.map(({ invokedAt }) => invokedAt));
    const isRolledBack =
      ref === production &&
      operations.some(
        (one) => one.kind === 'rollback' && one.answer !== 'refused' && one.completedAt > pushedAt,
      );
    if (served !== at && !isRolledBack) problems.push(`${ref}: is at ${at} and serves ${served}`);
    return problems;
  });
}

/** What was accepted and has neither gone live nor failed with a reason, and refs that serve something else. */
export function openPushes(history: History): string[] {
  const { operations, end } = history;
  const lost = operations
    .filter(({ kind, answer }) => kind === 'push' && answer === 'ok')
    .filter(({ ref, commit }) => !rowsOf(end.rows, ref, commit).some(isSettled))
    .map(({ ref, commit }) => `${ref}: ${commit} is lost`);
  return [...settledRefs(history), ...new Set(lost)];
}

const UNSETTLED = ['queued', 'building', 'warming'];

/** Deployments that are open, failed for no reason, have one version between them, or were released twice. */
export function openRows({ operations, end: { rows } }: History): string[] {
  const problems: string[] = [];
  const versions = new Set<number>();
  for (const row of rows) {
    const { version, state, reason } = row;
    if (version !== null && versions.has(version)) problems.push(`there are two v${version}`);
    if (version !== null) versions.add(version);
    if (UNSETTLED.includes(state)) problems.push(`v${version} stays ${state}`);
    if (state === 'failed' && reason === null) problems.push(`v${version} failed without a reason`);
  }
  const pushes = operations.filter((one) => one.kind === 'push' && one.answer !== 'refused');
  for (const { ref, commit } of pushes) {
    const times = pushes.filter((one) => one.ref === ref && one.commit === commit).length;
    const releases = rowsOf(rows, ref, commit).filter(isReleaseOfPush).length;
    if (releases > times) problems.push(`${ref}: ${commit} was released ${releases} times`);
  }
  return [...new Set(problems)];
}

function rowsOf(rows: Row[], ref: string, commit: string | null): Row[] {
  return rows.filter((row) => row.ref === `refs/heads/${ref}` && row.commit === commit);
}

function isSettled({ isReleased: isLive, state, reason }: Row): boolean {
  return isLive || (state === 'failed' && reason !== null);
}

function isReleaseOfPush({ isReleased: isLive, trigger }: Row): boolean {
  return isLive && (trigger === 'push' || trigger === 'reconcile');
}

function tell({ ref, version, commit, askedAt }: Reading, what: string): string {
  const named = version === null ? 'an answer' : `v${version} of ${commit?.slice(0, 7)}`;
  return `${ref}: ${named}, asked at ${askedAt.toFixed(0)} ms, ${what}`;
}
