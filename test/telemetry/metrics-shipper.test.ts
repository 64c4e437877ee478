import { expect, it } from 'vitest';
import { PlatformError } from '../../src/protocol/errors.ts';
import type { MetricsBatch } from '../../src/protocol/metrics.ts';
import { MetricsRecorder, MetricsShipper } from '../../src/telemetry/index.ts';
import { eventually } from '../support/eventually.ts';
import { invocationEnd, invocationTarget } from '../support/invocation-end.ts';
import { shiftedClock } from '../support/shifted-clock.ts';

const AWAY = new PlatformError('unavailable', 'control is not answering');

function createShipper(whileSending = (_recorder: MetricsRecorder): void => {}) {
  const recorder = new MetricsRecorder();
  const clock = shiftedClock(0);
  const sent: MetricsBatch[] = [];
  const lost: string[] = [];
  /** What becomes of the next batches: null is taken, and so are those beyond the last. */
  const answers: (PlatformError | null)[] = [];
  const shipper = new MetricsShipper({
    source: 'a'.repeat(16),
    recorder,
    clock,
    send: async (batch) => {
      sent.push(batch);
      whileSending(recorder);
      const answer = answers.shift() ?? null;
      if (answer !== null) throw answer;
    },
    onLost: (what) => void lost.push(what),
  });
  return { recorder, clock, sent, lost, answers, shipper };
}

const target = invocationTarget();

it('sends what was counted now and then, and nothing when nothing was', async () => {
  const { recorder, clock, sent, shipper } = createShipper();
  recorder.ended(target, invocationEnd());
  clock.shift(5_000);
  await eventually(() => expect(sent).toHaveLength(1));
  await shipper.flush();
  expect(sent).toHaveLength(1);
  await shipper.close();
});

it('sends a batch that was not answered again as it was, and what came since after it', async () => {
  const { recorder, answers, sent, shipper } = createShipper();
  recorder.ended(target, invocationEnd());
  answers.push(AWAY, AWAY);
  await expect(shipper.flush()).rejects.toBe(AWAY);
  recorder.ended(target, invocationEnd());
  await expect(shipper.flush()).rejects.toBe(AWAY);
  recorder.ended(target, invocationEnd());
  await shipper.flush();
  const [first, again, taken, next] = sent;
  expect([again, taken]).toEqual([first, first]);
  expect(next?.sequence).toBe(2);
  // However long control was away: one entry for the function.
  expect(next?.functions.map(({ figures }) => figures.invocations)).toEqual([2]);
  await shipper.close();
});

it('gives up what control keeps refusing, and says so', async () => {
  const { recorder, answers, lost, sent, shipper } = createShipper();
  recorder.ended(target, invocationEnd());
  const refusal = new PlatformError('internal', 'internal error');
  answers.push(refusal, refusal, refusal, refusal, refusal);
  for (let time = 0; time < 4; time++) await expect(shipper.flush()).rejects.toBe(refusal);
  await shipper.flush();
  expect(lost).toEqual(['of 1 functions']);
  recorder.ended(target, invocationEnd());
  await shipper.flush();
  expect(sent.at(-1)?.sequence).toBe(2);
  await shipper.close();
});

it('ends its round while functions go on being invoked', async () => {
  const targets = Array.from({ length: 300 }, (_, at) => invocationTarget(`f${at}`));
  const invokeAll = (recorder: MetricsRecorder): void => {
    for (const one of targets) recorder.ended(one, invocationEnd());
  };
  const { recorder, sent, shipper } = createShipper(invokeAll);
  invokeAll(recorder);
  await shipper.flush();
  expect(sent.map(({ functions }) => functions.length)).toEqual([250, 50]);
  await shipper.flush();
  const counted = sent.slice(2).flatMap(({ functions }) => functions);
  expect(counted.map(({ figures }) => figures.invocations)).toContain(2);
});

it('sends what is left when it closes', async () => {
  const { recorder, sent, shipper } = createShipper();
  recorder.ended(target, invocationEnd());
  await shipper.close();
  expect(sent).toHaveLength(1);
});
