import { describe, expect, it } from 'vitest';
import { AppClaims } from '../../../../src/main/supervisor/sandboxes/app-claims.ts';
import type { FleetNotice } from '../../../../src/protocol/fleet.ts';

const LIMITS = { workers: 6, memoryMib: 1_000, workersPerFunction: 4 };

type Process = 'left' | 'right';

/** Two data processes; each claim has the next number. */
function setUp() {
  const told: [Process, FleetNotice][] = [];
  const claims = new AppClaims<Process>(LIMITS, (process, notice) => told.push([process, notice]));
  claims.join('left');
  claims.join('right');
  let last = 0;
  return {
    claims,
    claim: (process: Process, { of = 'main', memoryMib = 1, isOwed = false } = {}): number => {
      claims.claim(process, { type: 'claim', claim: ++last, app: 'app', of, memoryMib, isOwed });
      return last;
    },
    /** Of each process, what it was granted. */
    granted: (process: Process): number[] =>
      told.flatMap(([to, notice]) =>
        to === process && notice.type === 'claimed' ? [notice.claim] : [],
      ),
    heard: (type: FleetNotice['type']) => told.filter(([, notice]) => notice.type === type),
  };
}

describe('claims of an app’s workers', () => {
  it('are granted over all processes up to what a function may have, and one is left for each', () => {
    const { claim, granted } = setUp();
    for (let count = 0; count < 5; count++) claim('left');
    expect(granted('left')).toHaveLength(LIMITS.workersPerFunction - 1);
    claim('right');
    claim('right');
    expect(granted('right')).toHaveLength(1);
  });

  it('are granted up to what an app may have, whatever the function', () => {
    const { claim, granted } = setUp();
    for (const of of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) {
      claim('left', { of });
      claim('right', { of });
    }
    expect([...granted('left'), ...granted('right')]).toHaveLength(LIMITS.workers);
  });

  it.each([
    ['one that is larger than all may be', [2_000, 1], 1],
    ['as many as fit', [300, 300, 300], 2],
    ['a small one behind a large one that waits', [600, 600, 100], 2],
  ])('are granted by memory: %s', (_, sizes, expected) => {
    const { claim, granted } = setUp();
    sizes.forEach((memoryMib, index) => claim('left', { of: `f-${index}`, memoryMib }));
    expect(granted('left')).toHaveLength(expected);
  });

  it('that are owed come on top, and count', () => {
    const { claims, claim, granted } = setUp();
    for (const of of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) claim('left', { of, isOwed: true });
    expect(granted('left')).toHaveLength(7);
    claim('right', { of: 'h' });
    expect(granted('right')).toEqual([]);
    claims.unclaim('left', 1);
    expect(granted('right')).toEqual([]);
    claims.unclaim('left', 2);
    expect(granted('right')).toHaveLength(1);
  });

  it('that wait are granted when others are given back, and those that were given up are not', () => {
    const { claims, claim, granted } = setUp();
    const first = claim('left', { memoryMib: 900 });
    const given = claim('right', { memoryMib: 900 });
    const waiting = claim('right', { memoryMib: 900 });
    claims.unclaim('right', given);
    claims.unclaim('left', given);
    claims.unclaim('left', first);
    expect(granted('right')).toEqual([waiting]);
  });

  it('of a process that has ended are there no more', () => {
    const { claims, claim, granted } = setUp();
    for (let count = 0; count < 5; count++) claim('left');
    claim('right');
    claim('right');
    claims.leave('left');
    expect(granted('right')).toHaveLength(2);
    expect(claims.countOf('left')).toBe(0);
    claim('right');
    claim('right');
    expect(granted('right')).toHaveLength(LIMITS.workersPerFunction);
  });

  it('that find no room ask who has most to end one, once each', () => {
    const { claim, heard } = setUp();
    for (let count = 0; count < 3; count++) claim('left');
    claim('right');
    expect(heard('make-room')).toEqual([]);
    claim('right');
    claim('right', { of: 'other' });
    const room = { type: 'make-room', app: 'app', of: 'main', mustEnd: true };
    expect(heard('make-room')).toEqual([['left', room]]);
  });

  it('tell each process in how many the app has workers, and the others of each start', () => {
    const { claims, claim, heard } = setUp();
    const first = claim('left');
    claim('right');
    claims.unclaim('left', first);
    const spreads = heard('app-spread').map(([to, notice]) => [
      to,
      notice.type === 'app-spread' && notice.processes,
    ]);
    expect(spreads).toEqual(
      [1, 2, 1].flatMap((processes) => [
        ['left', processes],
        ['right', processes],
      ]),
    );
    expect(heard('started-elsewhere').map(([to]) => to)).toEqual(['right', 'left']);
  });
});
