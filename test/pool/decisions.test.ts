import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  backoffMs,
  chooseWorker,
  idleWorkers,
  MAX_WORKERS_PER_FUNCTION,
  mayWait,
  workersToStart,
} from '../../src/pool/decisions.ts';

describe('chooseWorker', () => {
  it('keeps the oldest workers busy', () => {
    const workers = [
      { name: 'full', room: 0, isSuspect: false, isFrozen: false },
      { name: 'stuck', room: 3, isSuspect: true, isFrozen: false },
      { name: 'second', room: 1, isSuspect: false, isFrozen: false },
      { name: 'third', room: 9, isSuspect: false, isFrozen: false },
    ];
    expect(chooseWorker(workers)?.name).toBe('second');
  });

  it('thaws one only when no other has room', () => {
    const older = { name: 'older', room: 0, isSuspect: false, isFrozen: false };
    const frozen = { name: 'frozen', room: 1, isSuspect: false, isFrozen: true };
    const younger = { name: 'younger', room: 1, isSuspect: false, isFrozen: false };
    expect(chooseWorker([older, frozen, younger])?.name).toBe('younger');
    expect(chooseWorker([older, frozen, { ...younger, room: 0 }])?.name).toBe('frozen');
  });

  it('chooses none when none has room', () => {
    expect(chooseWorker([{ room: 0, isSuspect: false, isFrozen: false }])).toBeNull();
  });
});

describe('mayWait', () => {
  it.each([
    [
      'a line that has just formed',
      { firstWaitedMs: 249, standsForMs: 249, ended: 9_999, inFlight: 1 },
      true,
    ],
    [
      'one whose first waits for longer than its requests take',
      { firstWaitedMs: 250, standsForMs: 1_000, ended: 500, inFlight: 1 },
      false,
    ],
    // Two places, five seconds each: the next one waits for as long as it takes itself.
    [
      'one of slow requests',
      { firstWaitedMs: 4_900, standsForMs: 5_000, ended: 2, inFlight: 2 },
      true,
    ],
    [
      'one of slow requests, for long',
      { firstWaitedMs: 10_000, standsForMs: 20_000, ended: 8, inFlight: 2 },
      false,
    ],
    [
      'one in which nothing has ended yet',
      { firstWaitedMs: 9_000, standsForMs: 9_000, ended: 0, inFlight: 2 },
      true,
    ],
    [
      'one whose workers have all gone',
      { firstWaitedMs: 900, standsForMs: 900, ended: 0, inFlight: 0 },
      true,
    ],
  ])('%s', (_what, line, expected) => {
    expect(mayWait(line)).toBe(expected);
  });
});

describe('workersToStart', () => {
  it.each([
    [{ waiting: 1, concurrency: 32, starting: 0, running: 0 }, 1],
    [{ waiting: 32, concurrency: 32, starting: 0, running: 0 }, 1],
    [{ waiting: 33, concurrency: 32, starting: 0, running: 0 }, 2],
    [{ waiting: 33, concurrency: 32, starting: 1, running: 0 }, 1],
    [{ waiting: 33, concurrency: 32, starting: 2, running: 0 }, 0],
    [{ waiting: 5, concurrency: 1, starting: 0, running: 0 }, 5],
    [{ waiting: 1, concurrency: 1, starting: 0, running: MAX_WORKERS_PER_FUNCTION }, 0],
    [{ waiting: 0, concurrency: 1, starting: 0, running: 0 }, 0],
  ])('%o → %i', (state, expected) => {
    expect(workersToStart(state)).toBe(expected);
  });

  it('gives the waiting room for all, and never more than needed or allowed', () => {
    const small = fc.nat(200);
    fc.assert(
      fc.property(
        small,
        fc.integer({ min: 1, max: 64 }),
        small,
        small,
        (waiting, concurrency, starting, running) => {
          const count = workersToStart({ waiting, concurrency, starting, running });
          const total = starting + count;
          expect(count).toBeGreaterThanOrEqual(0);
          if (count > 0) {
            expect((total - 1) * concurrency).toBeLessThan(waiting);
            expect(total + running).toBeLessThanOrEqual(MAX_WORKERS_PER_FUNCTION);
          }
          const isAtLimit = total + running >= MAX_WORKERS_PER_FUNCTION;
          if (!isAtLimit) expect(total * concurrency).toBeGreaterThanOrEqual(waiting);
        },
      ),
    );
  });
});

describe('backoffMs', () => {
  it('lets a few failures pass, then doubles up to half a minute', () => {
    const delays = [0, 1, 2, 3, 4, 5, 10, 100].map(backoffMs);
    expect(delays).toEqual([0, 0, 0, 250, 500, 1000, 30_000, 30_000]);
  });
});

describe('idleWorkers', () => {
  it('tells who has been idle long enough and when to look again', () => {
    const workers = [
      { name: 'busy', idleSinceMs: null, isFrozen: false },
      { name: 'old', idleSinceMs: 0, isFrozen: false },
      { name: 'new', idleSinceMs: 700, isFrozen: false },
    ];
    const { expired, lookAgainInMs } = idleWorkers(workers, 1000, { idleMs: 1000, freezeMs: null });
    expect(expired.map(({ name }) => name)).toEqual(['old']);
    expect(lookAgainInMs).toBe(700);
  });

  it('tells who is to be frozen before, once, and when the next is', () => {
    const workers = [
      { name: 'busy', idleSinceMs: null, isFrozen: false },
      { name: 'old', idleSinceMs: 0, isFrozen: true },
      { name: 'frozen', idleSinceMs: 200, isFrozen: true },
      { name: 'middle', idleSinceMs: 600, isFrozen: false },
      { name: 'new', idleSinceMs: 900, isFrozen: false },
    ];
    const rest = idleWorkers(workers, 1000, { idleMs: 1000, freezeMs: 400 });
    expect(rest.expired.map(({ name }) => name)).toEqual(['old']);
    expect(rest.freezing.map(({ name }) => name)).toEqual(['middle']);
    expect(rest.lookAgainInMs, 'the end of the frozen one').toBe(200);
    const { lookAgainInMs } = idleWorkers(workers.slice(4), 1000, { idleMs: 1000, freezeMs: 400 });
    expect(lookAgainInMs).toBe(300);
  });
});
