import { describe, expect, it } from 'vitest';
import { AppLoad } from '../../src/pool/app-load.ts';
import { StartBudget } from '../../src/pool/start-budget.ts';
import { encodeFrame } from '../../src/protocol/framing.ts';
import { WORKER_FRAME } from '../../src/protocol/worker.ts';
import { type Clock, systemClock } from '../../src/std/clock.ts';
import { eventually } from '../support/eventually.ts';
import { dispatch, loadWith, play } from '../support/played-workers.ts';

describe('FunctionPool', () => {
  it('counts a worker that retires over and over as one failure', async () => {
    const { pool, workers } = await play();
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    for (let times = 0; times < 50; times++) workers[0]?.send(WORKER_FRAME.RETIRING, 0);
    workers[0]?.reply(0);
    await eventually(() => request.outcome === '200');
    const next = dispatch(pool);
    await eventually(() => workers[1]?.streams.length === 1);
    expect(next.outcome).toBeNull();
    await eventually(() => pool.workerCount === 1);
    expect(workers[0]?.drains).toBe(1);
  });

  it('counts workers that retire side by side, as when the way out of all ends, as one failure', async () => {
    const { pool, workers } = await play();
    const requests = Array.from({ length: 16 }, () => dispatch(pool));
    await eventually(() => workers.filter(({ streams }) => streams.length === 1).length === 16);
    for (const worker of workers) worker.reply(0);
    await eventually(() => requests.every(({ outcome }) => outcome === '200'));
    for (const worker of workers) worker.send(WORKER_FRAME.RETIRING, 0);
    await eventually(() => workers.every(({ drains }) => drains === 1));
    dispatch(pool);
    // A back-off after so many would take half a minute.
    await eventually(() => workers[16]?.streams.length === 1);
  });

  it('counts starts that fail side by side, as when all sandboxes end, as one failure', async () => {
    // As many as one app may start at a time.
    const { pool, workers } = await play({ slowStarts: 8 });
    const requests = Array.from({ length: 8 }, () => dispatch(pool));
    await eventually(() => workers.length === 8);
    for (const worker of workers) worker.send(200, 0);
    // A back-off after so many would take eight seconds.
    const later = () => workers.slice(8).filter(({ streams }) => streams.length === 1);
    await eventually(() => later().length === 7, 4_000);
    // The first one had been sent along with its start, and may have been begun.
    expect(requests.map(({ outcome }) => outcome)).toEqual(['init-failed', ...Array(7).fill(null)]);
  });

  it('starts a worker for those who waited through a back-off', async () => {
    const { pool, workers } = await play();
    for (let failures = 0; failures < 3; failures++) {
      const request = dispatch(pool);
      await eventually(() => workers[failures]?.streams.length === 1);
      // The last one is asked to keep a second request waiting while it fails.
      const waiting = failures === 2 ? dispatch(pool) : null;
      workers[failures]?.send(200, 0);
      await eventually(() => request.outcome === 'worker-gone');
      if (waiting === null) continue;
      await eventually(() =>
        workers.some(({ streams }, index) => index > 2 && streams.length === 1),
      );
      workers.at(-1)?.reply(0);
      await eventually(() => waiting.outcome === '200');
    }
  });

  it('starts no worker beyond the budget of its app, says when, and starts again then', async () => {
    const clock = { ...systemClock, nowMs: 0, monotonicMs: () => clock.nowMs };
    const load = loadWith(new StartBudget(clock, { atOnce: 2, perMinute: 60 }));
    const { pool, workers } = await play({ load });
    // Each worker answers once, which its back-off takes for a success, and ends.
    for (const index of [0, 1]) {
      const request = dispatch(pool);
      await eventually(() => workers[index]?.streams.length === 1);
      workers[index]?.reply(0);
      await eventually(() => request.outcome === '200');
      workers[index]?.send(200, 0);
      await eventually(() => pool.workerCount === 0);
    }
    expect(dispatch(pool).outcome).toBe('starts-spent');
    clock.nowMs = 1_000;
    const next = dispatch(pool);
    await eventually(() => workers[2]?.streams.length === 1);
    workers[2]?.reply(0);
    await eventually(() => next.outcome === '200');
  });

  it('starts a worker in its turn for who waits while its app may start none', async () => {
    const load = loadWith(new StartBudget(systemClock, { atOnce: 1, perMinute: 600 }));
    const { pool, workers } = await play({ load });
    const [served, waiting] = [dispatch(pool), dispatch(pool)];
    await eventually(() => workers[0]?.streams.length === 1);
    workers[0]?.send(200, 0);
    await eventually(() => served.outcome === 'worker-gone');
    await eventually(() => workers[1]?.streams.length === 1);
    workers[1]?.reply(0);
    await eventually(() => waiting.outcome === '200');
  });

  it('lets a release wait for its turn, and refuses one whose turn is too far', async () => {
    const budget = new StartBudget(systemClock, { atOnce: 1, perMinute: 600 });
    const { pool } = await play({ load: loadWith(budget) });
    budget.spend(1);
    expect(await pool.hold()).toMatchObject({ kind: 'started' });
    budget.spend(1_000);
    const { pool: other } = await play({ load: loadWith(budget) });
    expect(await other.hold()).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('more workers than they may (1 at once, then 600 a minute)'),
    });
  });

  it.each(['withdrawal', 'timeout'])(
    'ends its drain when the last waiting request goes by %s',
    async (way) => {
      const { pool, workers, startCount } = await play({
        failsStart: (index) => index > 0,
        pool: { queueMs: way === 'timeout' ? 1_000 : 60_000 },
      });
      const served = dispatch(pool);
      await eventually(() => workers[0]?.streams.length === 1);
      const waiting = dispatch(pool);
      await eventually(() => startCount() > 1);
      const drained = pool.drain();
      if (way === 'withdrawal') pool.withdraw(waiting);
      else await eventually(() => waiting.outcome === 'queue-timeout');
      workers[0]?.reply(0);
      await drained;
      expect(served.outcome).toBe('200');
    },
  );

  it('never blames the function when the platform can start no worker', async () => {
    // Two boots are tried for each.
    const { pool, workers } = await play({ failsStart: (index) => index < 8 });
    for (let times = 0; times < 4; times++) {
      const request = dispatch(pool);
      await eventually(() => request.outcome !== null);
      expect(request.outcome).toBe('unavailable');
    }
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    workers[0]?.reply(0);
    await eventually(() => request.outcome === '200');
  });

  it('gives a request that every worker refuses no more time than its queue does', async () => {
    const { pool, workers } = await play({ concurrency: 2, pool: { queueMs: 1_000 } });
    const kept = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    const refused = dispatch(pool);
    await eventually(() => {
      for (const worker of workers) {
        for (const stream of worker.streams.splice(1)) worker.send(WORKER_FRAME.NACK, stream);
        if (worker !== workers[0] && worker.streams.length === 1) return true;
      }
      return refused.outcome !== null;
    });
    // A worker that has nothing else may not refuse: it is ended, with what it has.
    workers[1]?.send(WORKER_FRAME.NACK, workers[1].streams[0] ?? 0);
    await eventually(() => refused.outcome === 'worker-gone');
    expect(kept.outcome).toBeNull();
  });

  it('loses nothing that a worker says along with READY', async () => {
    const line = { level: 'warn', text: 'early', requestId: null, dropped: 0 };
    const { pool, workers, lines } = await play({
      whenReady: Buffer.concat([
        encodeFrame(WORKER_FRAME.LOG, 0, JSON.stringify(line)),
        encodeFrame(WORKER_FRAME.RETIRING, 0, ''),
      ]),
    });
    await pool.hold();
    dispatch(pool);
    await eventually(() => workers[0]?.drains === 1 && workers[1]?.streams.length === 1);
    expect(lines).toEqual([line]);
    expect(workers[0]?.streams).toEqual([]);
  });

  it('ends a worker that breaks the protocol along with READY', async () => {
    const { pool, workers } = await play({ whenReady: encodeFrame(200, 0, '') });
    await pool.hold();
    const request = dispatch(pool);
    await eventually(() => workers[1]?.streams.length === 1);
    expect(workers[0]?.streams).toEqual([]);
    expect(request.outcome).toBeNull();
  });

  it('tells the log why a worker ended that had no request, and nothing of one that was told to', async () => {
    const { pool, workers, lines } = await play();
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    workers[0]?.reply(0);
    await eventually(() => request.outcome === '200');
    workers[0]?.send(200, 0);
    await eventually(() => lines.length === 1);
    const text = 'Worker broke the protocol: unknown frame type 200';
    expect(lines).toEqual([{ level: 'error', text, requestId: null, dropped: 0 }]);
    const next = dispatch(pool);
    await eventually(() => workers[1]?.streams.length === 1);
    workers[1]?.reply(0);
    await eventually(() => next.outcome === '200');
    await pool.drain();
    expect(lines).toHaveLength(1);
  });

  it('gives nothing more to workers that run when it restarts, and lets them finish', async () => {
    const { pool, workers } = await play({ concurrency: 2 });
    const before = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    pool.restart();
    const after = dispatch(pool);
    await eventually(() => workers[1]?.streams.length === 1);
    expect(workers[0]?.streams).toHaveLength(1);
    expect(workers[0]?.drains).toBe(0);
    workers[0]?.reply(0);
    workers[1]?.reply(0);
    await eventually(() => before.outcome === '200' && after.outcome === '200');
    await eventually(() => workers[0]?.drains === 1 && pool.workerCount === 1);
    expect(workers[1]?.drains).toBe(0);
  });

  it('hands out no worker that was being started when it restarts, however often', async () => {
    const { pool, workers } = await play();
    const request = dispatch(pool);
    pool.restart();
    pool.restart();
    await eventually(() => workers.some(({ streams }) => streams.length === 1));
    expect(workers.map(({ streams }) => streams.length)).toEqual([0, 0, 1]);
    workers[2]?.reply(0);
    await eventually(() => request.outcome === '200' && pool.workerCount === 1);
    await pool.drain();
  });

  it('holds a worker of after the restart when one was held or being prepared', async () => {
    const { pool, workers } = await play();
    const preparing = pool.hold();
    pool.restart();
    expect(await preparing).toMatchObject({ kind: 'started' });
    expect(workers).toHaveLength(2);
    pool.restart();
    await eventually(() => workers.length === 3 && pool.workerCount === 1);
    expect(workers[1]?.drains).toBe(1);
    const request = dispatch(pool);
    await eventually(() => workers[2]?.streams.length === 1);
    expect(request.outcome).toBeNull();
  });

  it('tries a function that kept failing again at once after a restart', async () => {
    const { pool, workers } = await play();
    for (let failures = 0; failures < 10; failures++) {
      const request = dispatch(pool);
      await eventually(() => workers[failures]?.streams.length === 1);
      workers[failures]?.send(200, 0);
      await eventually(() => request.outcome === 'worker-gone');
      pool.restart();
    }
    expect(workers).toHaveLength(10);
  });

  it('replaces a worker near its memory limit: its successor starts first, and its requests are answered', async () => {
    const near = Promise.withResolvers<void>();
    let laterMs = 0;
    const { pool, workers, lines } = await play({
      nearMemoryLimit: near.promise,
      concurrency: 2,
      clock: { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs },
    });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    laterMs = 60_000; // Young ones are not replaced.
    near.resolve();
    await eventually(() => workers.length === 2);
    await eventually(() => pool.leavingCount === 1);
    expect(lines.map(({ text }) => text).join()).toContain('near its memory limit (128 MB)');
    const next = dispatch(pool);
    await eventually(() => workers[1]?.streams.length === 1);
    workers[0]?.reply(0);
    workers[1]?.reply(0);
    await eventually(() => request.outcome === '200' && next.outcome === '200');
    await eventually(() => workers[0]?.drains === 1);
  });

  it('freezes a worker that is idle, never one that has a request, and thaws it for the next and for its end', async () => {
    const { pool, workers } = await play({ pool: { freezeMs: 20 } });
    const first = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(workers[0]?.told).toEqual(['invoke']);
    workers[0]?.reply(0);
    await eventually(() => first.outcome === '200' && workers[0]?.told.length === 2);
    const second = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 2);
    expect(workers[0]?.told).toEqual(['invoke', 'freeze', 'thaw', 'invoke']);
    workers[0]?.reply(1);
    await eventually(() => second.outcome === '200' && workers[0]?.told.length === 5);
    await pool.drain();
    expect(workers[0]?.told.slice(4)).toEqual(['freeze', 'thaw', 'drain']);
    expect(workers).toHaveLength(1);
  });

  it('replaces an old worker that is in use by another, which starts first', async () => {
    let laterMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
    const { pool, workers } = await play({ clock, concurrency: 2, pool: { idleMs: 30 } });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    laterMs = 2 * 60 * 60_000;
    await eventually(() => workers.length === 2 && pool.leavingCount === 1);
    expect(request.outcome, 'it has its time').toBeNull();
    workers[0]?.reply(0);
    await eventually(() => request.outcome === '200' && workers[0]?.drains === 1);
  });

  it('keeps an old worker as long as no other can be started', async () => {
    let laterMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + laterMs };
    const { pool, workers, startCount } = await play({
      clock,
      concurrency: 2,
      pool: { idleMs: 30 },
      failsStart: (index) => index > 0,
    });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    laterMs = 2 * 60 * 60_000;
    await eventually(() => startCount() === 3);
    const next = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 2);
    for (const index of [0, 1]) workers[0]?.reply(index);
    await eventually(() => request.outcome === '200' && next.outcome === '200');
  });

  it('is warmed once between two requests, when it had one before', async () => {
    const { pool, workers } = await play({ pool: { idleMs: 10 } });
    expect(pool.warm(), 'nobody ever asked for it').toBe(false);
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    expect(pool.warm(), 'it has a worker').toBe(false);
    workers[0]?.reply(0);
    await eventually(() => request.outcome === '200' && pool.workerCount === 0);
    expect(pool.warm()).toBe(true);
    await eventually(() => workers[1]?.drains === 1 && pool.workerCount === 0);
    expect(pool.warm(), 'no request came of it').toBe(false);
    expect(workers).toHaveLength(2);
    dispatch(pool);
    await eventually(() => workers[2]?.streams.length === 1);
    workers[2]?.reply(0);
    await eventually(() => pool.workerCount === 0);
    expect(pool.warm()).toBe(true);
  });

  it('is warmed by the thaw of a worker that is frozen, which freezes again when no request comes', async () => {
    const { pool, workers } = await play({ pool: { freezeMs: 20 } });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    expect(pool.warm(), 'it is awake').toBe(false);
    workers[0]?.reply(0);
    await eventually(() => request.outcome === '200' && workers[0]?.told.at(-1) === 'freeze');
    expect(pool.warm()).toBe(true);
    expect(workers[0]?.told).toEqual(['invoke', 'freeze', 'thaw']);
    expect(pool.warm(), 'no request came of it').toBe(false);
    await eventually(() => workers[0]?.told.at(-1) === 'freeze');
    expect(pool.warm(), 'no request came of it').toBe(false);
    expect(workers[0]?.told).toEqual(['invoke', 'freeze', 'thaw', 'freeze']);
    expect(workers).toHaveLength(1);
  });

  it('gets a worker when its app may have no more, by the end of an idle one of another function', async () => {
    const load = new AppLoad(
      { workers: 1, memoryMib: 1_024, starts: 8, requests: 100 },
      new StartBudget(systemClock),
    );
    const first = await play({ load });
    const second = await play({ load });
    const done = dispatch(first.pool);
    await eventually(() => first.workers[0]?.streams.length === 1);
    const waiting = dispatch(second.pool);
    expect(second.startCount()).toBe(0);
    first.workers[0]?.reply(0);
    await eventually(() => done.outcome === '200');
    await eventually(() => second.workers[0]?.streams.length === 1);
    second.workers[0]?.reply(0);
    await eventually(() => waiting.outcome === '200');
    expect(first.pool.workerCount).toBe(0);
  });

  it('takes nobody more into a line that stands, and all again when it has gone', async () => {
    let nowMs = 0;
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    const load = new AppLoad(
      { workers: 1, memoryMib: 1_024, starts: 8, requests: 5_000 },
      new StartBudget(clock),
    );
    const { pool, workers } = await play({ load, clock });
    const requests = Array.from({ length: 50 }, () => dispatch(pool));
    let ended = 0;
    const endOne = async (): Promise<void> => {
      await eventually(() => workers[0]?.streams.length === ended + 1);
      workers[0]?.reply(ended);
      await eventually(() => requests[ended]?.outcome === '200');
      ended += 1;
    };
    for (let turn = 0; turn < 30; turn++) {
      nowMs += 10;
      await endOne();
    }
    expect(dispatch(pool).outcome).toBe('queue-full');
    // Those who are in are served.
    for (let turn = 30; turn < 50; turn++) await endOne();
    requests.push(dispatch(pool));
    await endOne();
    expect(requests.at(-1)?.outcome).toBe('200');
  });

  it('refuses requests of an app that has too many, and of no other', async () => {
    const load = new AppLoad(
      { workers: 8, memoryMib: 1_024, starts: 8, requests: 2 },
      new StartBudget(systemClock),
    );
    const { pool, workers } = await play({ load, concurrency: 4 });
    const other = await play();
    const taken = [dispatch(pool), dispatch(pool)];
    expect(dispatch(pool).outcome).toBe('queue-full');
    expect(dispatch(other.pool).outcome).toBeNull();
    await eventually(() => workers[0]?.streams.length === 2);
    workers[0]?.reply(0);
    await eventually(() => taken[0]?.outcome === '200');
    expect(dispatch(pool).outcome).toBeNull();
  });
});
