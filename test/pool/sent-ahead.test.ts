import { describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/protocol/framing.ts';
import { encodeResponseHead, WORKER_FRAME } from '../../src/protocol/worker.ts';
import { eventually } from '../support/eventually.ts';
import { dispatch, play } from '../support/played-workers.ts';

const INIT_FAILED = Buffer.from(JSON.stringify({ reason: 'threw', message: 'no', stack: '' }));

describe('the request that a worker is started for', () => {
  it('is sent along with the code, and is handed over when the worker is ready', async () => {
    const { pool, workers } = await play({ slowStarts: 1 });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    expect(request.begins).toBe(0);
    const [stream = 0] = workers[0]?.streams ?? [];
    const answer = encodeFrame(WORKER_FRAME.REPLY, stream, encodeResponseHead(200, ''));
    workers[0]?.sendRaw(Buffer.concat([encodeFrame(WORKER_FRAME.READY, 0, '{}'), answer]));
    await eventually(() => request.outcome === '200');
    expect(request.begins).toBe(1);
    const next = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 2);
    workers[0]?.reply(1);
    await eventually(() => next.outcome === '200');
    expect(workers).toHaveLength(1);
  });

  it('goes to another worker when its own ends before it is ready', async () => {
    const { pool, workers } = await play({ slowStarts: 1 });
    const requests = [dispatch(pool), dispatch(pool)];
    await eventually(() => workers[0]?.streams.length === 1 && workers[1]?.streams.length === 1);
    workers[0]?.send(WORKER_FRAME.INIT_FAILED, 0, INIT_FAILED);
    workers[1]?.reply(0);
    await eventually(() => workers[1]?.streams.length === 2);
    workers[1]?.reply(1);
    await eventually(() => requests.every(({ outcome }) => outcome === '200'));
    expect(requests.map(({ begins }) => begins)).toEqual([1, 1]);
  });

  it('fails with its worker when no other is there', async () => {
    const { pool, workers } = await play({ slowStarts: 1 });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    workers[0]?.send(WORKER_FRAME.INIT_FAILED, 0, INIT_FAILED);
    await eventually(() => request.outcome === 'init-failed');
    expect(request.begins).toBe(0);
  });

  it('is not begun again when the worker that may have begun it is given up', async () => {
    const { pool, workers } = await play({ slowStarts: 1, pool: { initTimeoutMs: 300 } });
    const requests = [dispatch(pool), dispatch(pool)];
    await eventually(() => workers[0]?.streams.length === 1 && workers[1]?.streams.length === 1);
    workers[1]?.reply(0);
    await eventually(() => requests.every(({ outcome }) => outcome !== null));
    expect(requests.map(({ outcome }) => outcome)).toEqual(['init-failed', '200']);
    expect(workers[1]?.streams).toHaveLength(1);
  });

  it('is cancelled when its client leaves, and its worker serves the next', async () => {
    const { pool, workers } = await play({ slowStarts: 1 });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    pool.withdraw(request);
    await eventually(() => workers[0]?.cancelled.length === 1);
    const next = dispatch(pool);
    workers[0]?.send(WORKER_FRAME.READY, 0, Buffer.from('{}'));
    workers[0]?.send(WORKER_FRAME.NACK, workers[0].streams[0] ?? 0);
    await eventually(() => workers[0]?.streams.length === 2);
    workers[0]?.reply(1);
    await eventually(() => next.outcome === '200');
    expect([request.begins, request.outcome, workers.length]).toEqual([0, null, 1]);
  });

  it('is finished by a worker that a restart overtakes, which takes no other', async () => {
    const { pool, workers } = await play({ slowStarts: 1 });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    pool.restart();
    workers[0]?.send(WORKER_FRAME.READY, 0, Buffer.from('{}'));
    await eventually(() => request.begins === 1);
    const next = dispatch(pool);
    workers[0]?.reply(0);
    await eventually(() => request.outcome === '200' && workers[0]?.drains === 1);
    await eventually(() => workers[1]?.streams.length === 1);
    workers[1]?.reply(0);
    await eventually(() => next.outcome === '200');
  });

  it('goes to another worker when its own retires with its first word', async () => {
    const { pool, workers } = await play({ slowStarts: 1 });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    const [stream = 0] = workers[0]?.streams ?? [];
    for (const type of [WORKER_FRAME.READY, WORKER_FRAME.RETIRING, WORKER_FRAME.NACK]) {
      const isOfStream = type === WORKER_FRAME.NACK;
      workers[0]?.send(type, isOfStream ? stream : 0, Buffer.from(isOfStream ? '' : '{}'));
    }
    await eventually(() => workers[1]?.streams.length === 1);
    workers[1]?.reply(0);
    await eventually(() => request.outcome === '200');
  });

  it('ends a worker that answers it before it is ready', async () => {
    const { pool, workers } = await play({ slowStarts: 1 });
    const request = dispatch(pool);
    await eventually(() => workers[0]?.streams.length === 1);
    workers[0]?.reply(0);
    await eventually(() => request.outcome === 'init-failed');
    expect(request.begins).toBe(0);
  });
});
