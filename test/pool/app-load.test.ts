import { describe, expect, it } from 'vitest';
import { AppLoad, type AppMember } from '../../src/pool/app-load.ts';
import { StartBudget } from '../../src/pool/start-budget.ts';
import { systemClock } from '../../src/std/clock.ts';

const LIMITS = { workers: 10, memoryMib: 1_000, starts: 4, requests: 100 };

function member(fields: Partial<AppMember>): AppMember & { ended: number } {
  return {
    key: 'dep/main',
    workerCount: 0,
    startingCount: 0,
    leavingCount: 0,
    inFlight: 0,
    memoryMib: 100,
    idleSinceMs: null,
    roomMade: () => {},
    ...fields,
    ended: 0,
    endIdle() {
      this.ended++;
    },
    endLeastBusy() {
      this.ended++;
    },
  };
}

function loadOf(...members: AppMember[]): AppLoad {
  const load = new AppLoad(LIMITS, new StartBudget(systemClock));
  for (const one of members) load.join(one);
  return load;
}

describe('the load of an app', () => {
  it.each([
    ['nothing runs', [], 100, 4],
    ['all of its memory is spoken for', [{ workerCount: 3, memoryMib: 300 }], 200, 0],
    ['its memory has room for one', [{ workerCount: 8 }], 200, 1],
    ['it has nearly as many workers as it may', [{ workerCount: 9, memoryMib: 1 }], 1, 1],
    ['others of its workers are starting', [{ workerCount: 1, startingCount: 3 }], 100, 1],
    ['as many start as may', [{ startingCount: 4 }], 100, 0],
    ['its only function needs more than an app may have', [], 5_000, 1],
  ])('when %s allows so many starts', (_, members, memoryMib, expected) => {
    expect(loadOf(...members.map(member)).startsAllowed(memoryMib)).toBe(expected);
  });

  it('starts no more than its budget has left, and is remembered until that is whole again', () => {
    const clock = { ...systemClock, nowMs: 0, monotonicMs: () => clock.nowMs };
    const load = new AppLoad(LIMITS, new StartBudget(clock, { atOnce: 3, perMinute: 60 }));
    expect(load.startsAllowed(100)).toBe(3);
    load.spendStarts(2);
    expect([load.startsAllowed(100), load.isForgettable]).toEqual([1, false]);
    clock.nowMs = 2_000;
    expect([load.startsAllowed(100), load.isForgettable]).toEqual([3, true]);
    load.join(member({}));
    expect(load.isForgettable).toBe(false);
  });

  it.each([
    ['the longest idle worker', [{ idleSinceMs: 20 }, { idleSinceMs: 10 }], [0, 1]],
    [
      'of the function that is named',
      [{ key: 'dep/other', idleSinceMs: 5 }, { idleSinceMs: 10 }],
      [0, 1],
    ],
    ['a busy one where there are most', [{ workerCount: 1 }, { workerCount: 3 }], [0, 1]],
  ])('makes room for another data process by %s', (_, members, ended) => {
    const all = members.map(member);
    loadOf(...all).makeRoomElsewhere({ of: 'dep/main', mustEnd: true });
    expect(all.map((one) => one.ended)).toEqual(ended);
  });

  it('makes room for another data process when a worker is idle, once, if none has to end', () => {
    const busy = { ...member({ workerCount: 3 }), idleSinceMs: null as number | null };
    const load = loadOf(busy);
    load.makeRoomElsewhere({ of: null, mustEnd: false });
    expect(busy.ended).toBe(0);
    busy.idleSinceMs = 1;
    load.becameIdle();
    load.becameIdle();
    expect(busy.ended).toBe(1);
  });

  it('has a part of the requests that its app may have, where others have workers of it', () => {
    const load = new AppLoad(LIMITS, new StartBudget(systemClock), () => 2);
    load.join(member({ inFlight: 49 }));
    expect(load.takesRequest()).toBe(true);
    const full = new AppLoad(LIMITS, new StartBudget(systemClock), () => 2);
    full.join(member({ inFlight: 50 }));
    expect(full.takesRequest()).toBe(false);
  });

  it('counts the requests of all functions', () => {
    const many = member({ inFlight: 60 });
    const load = loadOf(many, member({ inFlight: 40 }));
    expect(load.takesRequest()).toBe(false);
    load.leave(many);
    expect(load.takesRequest()).toBe(true);
  });

  it('takes as many requests at a time as it may, and more when some have ended', () => {
    const busy = { ...member({}), inFlight: 0 };
    const load = loadOf(busy);
    while (load.takesRequest()) busy.inFlight++;
    expect(busy.inFlight).toBe(LIMITS.requests);
    busy.inFlight -= 30;
    while (load.takesRequest()) busy.inFlight++;
    expect(busy.inFlight).toBe(LIMITS.requests);
  });

  it('ends the longest idle worker, and one at a time', () => {
    const idle = [member({ idleSinceMs: 5 }), member({ idleSinceMs: 3 }), member({})];
    loadOf(...idle).makeRoom();
    expect(idle.map(({ ended }) => ended)).toEqual([0, 1, 0]);
    const ending = member({ idleSinceMs: 3 });
    loadOf(ending, member({ leavingCount: 1 })).makeRoom();
    expect(ending.ended).toBe(0);
  });
});
