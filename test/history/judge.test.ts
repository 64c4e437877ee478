/** Histories by hand: each says one thing that must not happen, and the judge has to find it, and nothing in the first. */
import { describe, expect, it } from 'vitest';
import type { History, Operation, Reading, Row } from './history.ts';
import { judge } from './judge.ts';
import { KILL_NAMES, MEETING_NAMES, occurrences } from './occurrences.ts';

const MARKS = new Map([
  ['a', 'mark-a'],
  ['b', 'mark-b'],
  ['c', 'mark-c'],
]);

type Times = [invokedAt: number, completedAt: number];

function operation(
  kind: Operation['kind'],
  [invokedAt, completedAt]: Times,
  more: Partial<Operation> = {},
): Operation {
  const blank = { ref: 'main', commit: null, value: null, version: null, said: '' };
  const one = { refs: 1, isInterrupted: false, isPostponed: false, outcome: null };
  return {
    ...blank,
    ...one,
    kind,
    invokedAt,
    completedAt,
    endedAt: completedAt,
    answer: 'ok',
    ...more,
  };
}

const push = (commit: string, times: Times, more: Partial<Operation> = {}): Operation =>
  operation('push', times, { commit, ...more });

function reading(at: number, commit: string | null, version: number, more: Partial<Reading> = {}) {
  const mark = MARKS.get(commit ?? '') ?? '';
  const own = { one: mark, two: mark, commit: commit ?? '', version: `v${version}`, setting: null };
  return {
    ref: 'main',
    askedAt: at,
    answeredAt: at + 1,
    status: commit === null ? 404 : 200,
    commit,
    version: commit === null ? null : version,
    code: commit === null ? null : own,
    said: null,
    ...more,
  };
}

const withSetting = (found: Reading, setting: string): Reading => ({
  ...found,
  code: found.code === null ? null : { ...found.code, setting },
});

const row = (version: number, commit: string, more: Partial<Row> = {}): Row => ({
  version,
  commit,
  ref: 'refs/heads/main',
  state: 'draining',
  trigger: 'push',
  isReleased: true,
  reason: null,
  ...more,
});

/** Two pushes, one after the other, each served from its answer on; `changes` makes it a bad one. */
function history(
  changes: Partial<Omit<History, 'end'>> & { end?: Partial<History['end']> } = {},
): History {
  const { end, ...rest } = changes;
  return {
    production: 'main',
    operations: [push('a', [0, 10], { version: 1 }), push('b', [20, 30], { version: 2 })],
    readings: [reading(12, 'a', 1), reading(32, 'b', 2)],
    absences: [],
    kills: [],
    marks: MARKS,
    ...rest,
    end: {
      overdue: [],
      refs: new Map([['main', 'b']]),
      readings: [reading(100, 'b', 2)],
      rows: [row(2, 'b', { state: 'live' }), row(1, 'a')],
      ...end,
    },
  };
}

const onlyA = {
  refs: new Map([['main', 'a']]),
  readings: [reading(100, 'a', 1)],
  rows: [row(1, 'a')],
};

describe('the judge of histories', () => {
  it('finds nothing in one that is right', () => {
    expect(judge(history())).toEqual([]);
  });

  it('lets pushes at the same time end in either order', () => {
    const operations = [push('a', [0, 50], { version: 1 }), push('b', [20, 30], { version: 2 })];
    const late = [push('a', [0, 50]), push('b', [20, 30], { version: 2 })];
    expect(judge(history({ operations, readings: [] }))).toEqual([]);
    const failed = row(1, 'a', { isReleased: false, state: 'failed', reason: 'superseded by b' });
    const rows = [row(2, 'b'), failed];
    expect(judge(history({ operations: late, readings: [], end: { rows } }))).toEqual([]);
  });

  it('lets an operation without an answer have happened, or not', () => {
    const unknown = push('b', [20, Infinity], { answer: 'unknown' });
    const operations = [push('a', [0, 10], { version: 1 }), unknown];
    expect(judge(history({ operations }))).toEqual([]);
    expect(judge(history({ operations, readings: [], end: onlyA }))).toEqual([]);
  });

  it('lets a commit be accepted that was cancelled before', () => {
    const cancelled = push('b', [11, 19], { answer: 'refused', ref: 'topic' });
    const cancel = operation('cancel', [12, 18], { ref: '', commit: 'b' });
    const attach = { ref: '', commit: 'b', outcome: 'cancelled' as const };
    const met = [cancelled, cancel, operation('attach', [13, 19], attach)];
    expect(judge(history({ operations: [...history().operations, ...met] }))).toEqual([]);
  });

  it('lets a deletion that was postponed take its time, and no other', () => {
    const deletion = operation('delete', [11, 15], { isPostponed: true });
    const operations = [push('a', [0, 10], { version: 1 }), deletion];
    const readings = [reading(17, 'a', 1), reading(19, null, 1)];
    const end = { refs: new Map(), readings: [reading(100, null, 1)], rows: [row(1, 'a')] };
    expect(judge(history({ operations, readings, end }))).toEqual([]);
    const atOnce = [push('a', [0, 10], { version: 1 }), { ...deletion, isPostponed: false }];
    expect(judge(history({ operations: atOnce, readings, end }))).toMatchObject([
      expect.stringContaining('is not what was pushed last'),
    ]);
  });

  it.each<[what: string, found: RegExp, bad: History]>([
    [
      'an answer of two versions',
      /not of one version/,
      history({
        readings: [
          reading(32, 'b', 2, {
            code: { one: 'mark-b', two: 'mark-a', commit: 'b', version: 'v2', setting: null },
          }),
        ],
      }),
    ],
    [
      'code that believes to be another version',
      /not of one version/,
      history({
        readings: [
          reading(32, 'b', 2, {
            code: { one: 'mark-b', two: 'mark-b', commit: 'b', version: 'v1', setting: null },
          }),
        ],
      }),
    ],
    [
      'a request that fails',
      /has failed with 502/,
      history({ readings: [{ ...reading(32, 'b', 2), status: 502, code: null }] }),
    ],
    ['a live host that is missing', /is missing/, history({ readings: [reading(12, null, 0)] })],
    [
      'a version that goes back',
      /is older than v2/,
      history({ readings: [reading(22, 'b', 2), reading(25, 'a', 1)] }),
    ],
    [
      'one version of two commits',
      /was b before/,
      history({ readings: [reading(22, 'b', 2), reading(32, 'a', 2)] }),
    ],
    [
      'an older version behind an answer',
      /after v2 was said to be live/,
      history({ readings: [reading(32, 'a', 1)] }),
    ],
    [
      'a commit that was surely replaced',
      /not what was pushed last/,
      history({ readings: [reading(32, 'a', 3)] }),
    ],
    [
      'a commit that nobody has pushed yet',
      /not what was pushed last/,
      history({ readings: [reading(5, 'b', 2)] }),
    ],
    [
      'a commit that was refused',
      /not what was pushed last/,
      history({
        operations: [
          push('a', [0, 10], { version: 1 }),
          push('b', [20, 30], { answer: 'refused' }),
        ],
        readings: [reading(32, 'b', 2)],
        end: onlyA,
      }),
    ],
    [
      'a deleted branch that answers',
      /not what was pushed last/,
      history({
        operations: [push('a', [0, 10], { version: 1 }), operation('delete', [20, 30])],
        readings: [reading(32, 'a', 1)],
        end: { refs: new Map(), readings: [reading(100, null, 0)], rows: [row(1, 'a')] },
      }),
    ],
    [
      'a setting that was surely replaced',
      /has the setting x/,
      history({
        operations: [
          ...history().operations,
          operation('environment', [40, 41], { value: 'x', version: 2 }),
          operation('environment', [42, 43], { value: 'y', version: 2 }),
        ],
        readings: [withSetting(reading(50, 'b', 2), 'x')],
        end: { readings: [withSetting(reading(100, 'b', 2), 'y')] },
      }),
    ],
    [
      'a setting that is forgotten',
      /has the setting null/,
      history({
        operations: [
          ...history().operations,
          operation('environment', [40, 41], { value: 'x', version: 2 }),
        ],
      }),
    ],
    [
      'a cancelled push that is accepted',
      /cancelled and accepted/,
      history({
        operations: [...history().operations, operation('cancel', [21, 22], { commit: 'b' })],
      }),
    ],
    [
      'somebody who reads along and is told of another end',
      /the push of b was told to be cancelled, and is ok/,
      history({
        operations: [
          ...history().operations,
          operation('attach', [21, 31], { commit: 'b', outcome: 'cancelled' }),
        ],
      }),
    ],
    [
      'a branch that is where an older push has put it',
      /is at a, which was not pushed last/,
      history({ readings: [], end: { refs: new Map([['main', 'a']]) } }),
    ],
    [
      'a branch at a commit that was refused',
      /is at c, which was not pushed last/,
      history({
        operations: [...history().operations, push('c', [40, 50], { answer: 'refused' })],
        end: { refs: new Map([['main', 'c']]) },
      }),
    ],
    [
      'a host that does not follow its branch',
      /is at b and serves a/,
      history({
        operations: [push('a', [0, 50], { version: 1 }), push('b', [20, 30])],
        readings: [],
        end: { readings: [reading(100, 'a', 1)] },
      }),
    ],
    ['an accepted push that is lost', /main: b is lost/, history({ end: { rows: [row(1, 'a')] } })],
    [
      'a push that is released twice',
      /b was released 2 times/,
      history({
        end: { rows: [row(1, 'a'), row(2, 'b'), row(3, 'b', { trigger: 'reconcile' })] },
      }),
    ],
    [
      'a deployment that never ends',
      /v3 stays warming/,
      history({ end: { rows: [...history().end.rows, row(3, 'c', { state: 'warming' })] } }),
    ],
    [
      'a failure without a reason',
      /v3 failed without a reason/,
      history({ end: { rows: [...history().end.rows, row(3, 'c', { state: 'failed' })] } }),
    ],
    [
      'what comes too late',
      /too late: main: b is lost/,
      history({ end: { overdue: ['main: b is lost'] } }),
    ],
    [
      'a version that is taken twice',
      /there are two v2/,
      history({ end: { rows: [...history().end.rows, row(2, 'c')] } }),
    ],
  ])('finds %s', (_, found, bad) => {
    expect(judge(bad)).toContainEqual(expect.stringMatching(found));
  });

  it('counts what met in it', () => {
    const operations = [
      push('a', [0, 10], { refs: 10 }),
      push('b', [5, 30], { isInterrupted: true }),
      push('c', [26, 60]),
      push('d', [26, 60], { refs: 10 }),
      push('e', [50, 60], { refs: 10 }),
      operation('rollback', [25, 40]),
      operation('environment', [31, 35]),
      operation('cancel', [70, 80]),
    ];
    const kills = [8, 28, 55, 75, 250].map((at) => ({ at, target: 'git' }));
    const found = occurrences(history({ operations, kills }));
    expect(found.get('two pushes at once to one ref')).toBe(6);
    expect(found.get('a push during a rollback')).toBe(3);
    expect(found.get('a change of the environment during a push')).toBe(2);
    expect(found.get('a push that ends by Ctrl-C')).toBe(1);
    expect([...found.keys()]).toEqual([...MEETING_NAMES, ...KILL_NAMES]);
    const during = KILL_NAMES.map((name) => [name.replace('a kill during ', ''), found.get(name)]);
    expect(Object.fromEntries(during)).toEqual({
      push: 4,
      'two pushes to one ref': 2,
      'two pushes to ten refs': 1,
      // Its push goes on for a while without it.
      'push that ended by Ctrl-C': 2,
      delete: 0,
      rollback: 1,
      environment: 0,
      cancel: 1,
      attach: 0,
    });
  });

  it('lets requests fail, and a host be missing, only while something excuses it', () => {
    const failed = { ...reading(32, 'b', 2), status: 0, commit: null, version: null, code: null };
    const readings = [failed];
    expect(judge(history({ readings, absences: [{ from: 31, to: 32.5 }] }))).toEqual([]);
    expect(judge(history({ readings, absences: [{ from: 34, to: 40 }] }))).toHaveLength(1);
    const operations = [operation('delete', [15, 18]), ...history().operations];
    expect(judge(history({ operations, readings: [reading(16, null, 0)] }))).toEqual([]);
    expect(judge(history({ operations, readings: [reading(32, null, 0)] }))).toHaveLength(1);
  });
});
