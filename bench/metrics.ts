/**
 * What counting costs at the door: two doors in one process, of which one counts its invocations, asked in turns; and the
 * counting alone, in processor time and in what it leaves for the garbage collector.
 */
import type { InvocationEnd } from '../src/router/ports.ts';
import { MetricsRecorder } from '../src/telemetry/index.ts';
import { startDataPlane } from '../test/support/data-plane.ts';
import { invocationEnd, invocationTarget } from '../test/support/invocation-end.ts';
import type { BenchResult } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { runWrk } from './support/wrk.ts';

const ROUNDS = 9;
const SECONDS = 1;
const CONNECTIONS = 64;
const COUNTS = 2_000_000;
const ENDS = 1_024;
const CODE = `export const handler = async () => ({ statusCode: 200, body: { message: 'Hello World' } });`;
const NS_PER_US = 1_000;

export async function benchMetrics(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const ports: number[] = [];
  for (const options of [{ invocations: new MetricsRecorder() }, {}]) {
    const plane = await startDataPlane(options);
    cleanup.defer(() => plane.close());
    await plane.deploy(CODE);
    ports.push(plane.port);
  }
  const rates: number[][] = ports.map(() => []);
  for (let round = -1; round < ROUNDS; round++) {
    for (const [index, port] of ports.entries()) {
      const target = { port, host: 'hello.localhost' };
      const result = await runWrk(target, { connections: CONNECTIONS, seconds: SECONDS });
      if (round >= 0) rates[index]?.push(result.requestsPerSecond); // The first warms up.
    }
  }
  const [counting = [], silent = []] = rates;
  const ratios = counting.map((rate, round) => rate / (silent[round] ?? NaN));
  const alone = countAlone();
  return {
    name: 'metrics',
    about: `hello, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s; ${COUNTS} counts`,
    rows: [
      {
        name: 'a door that counts',
        columns: {
          'req/s': Math.round(median(counting)),
          '× without': Number(median(ratios).toFixed(3)),
          spread: spread(ratios),
          'ns each': Number(alone.nsEach.toFixed(0)),
          'bytes each': Number(alone.bytesEach.toFixed(1)),
        },
        raw: { counting, silent },
      },
    ],
  };
}

/** Of invocations that are there already: what is measured is what counting adds. */
function countAlone(): { nsEach: number; bytesEach: number } {
  const recorder = new MetricsRecorder();
  const target = invocationTarget();
  const ends = Array.from({ length: ENDS }, (_, at) =>
    invocationEnd({ durationMs: 0.2 + at / 10, responseBytes: at }),
  );
  count(recorder, target, ends); // Compiles it.
  const before = process.memoryUsage().heapUsed;
  const began = process.cpuUsage();
  count(recorder, target, ends);
  const { user, system } = process.cpuUsage(began);
  const bytes = Math.max(0, process.memoryUsage().heapUsed - before);
  return { nsEach: ((user + system) * NS_PER_US) / COUNTS, bytesEach: bytes / COUNTS };
}

function count(
  recorder: MetricsRecorder,
  target: ReturnType<typeof invocationTarget>,
  ends: readonly InvocationEnd[],
): void {
  for (let at = 0; at < COUNTS; at++) {
    const end = ends[at % ENDS];
    if (end !== undefined) recorder.ended(target, end);
  }
}
