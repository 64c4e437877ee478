/** The process of `startOpenLoop`: each message with target and plan is answered by one with the outcomes. */
import { writeFileSync } from 'node:fs';
import { planArrivals } from './arrivals.ts';
import { OneRequestConnection } from './one-request-connection.ts';
import type { OpenLoopPlan, OpenLoopTarget, Outcomes } from './open-loop.ts';

/**
 * Node's timers count in milliseconds, which is longer than what is measured. So the loop turns all the time, and
 * sleeps in between: a tenth of what a reader would notice where answers take tenths of a millisecond.
 */
const NAP_MS = 0.03;
const ANSWER_DEADLINE_MS = 10_000;
const TIMER_SLACK_NS = 1_000;

const napping = new Int32Array(new SharedArrayBuffer(4));

// A sleep would otherwise take 50 µs more. Where the kernel has no such file, it does.
try {
  writeFileSync('/proc/self/timerslack_ns', String(TIMER_SLACK_NS));
} catch {}

process.on('message', (message: { target: OpenLoopTarget; plan: OpenLoopPlan }) => {
  void run(message.target, message.plan).then((outcomes) => process.send?.(outcomes));
});
process.send?.('ready');

async function run(target: OpenLoopTarget, plan: OpenLoopPlan): Promise<Outcomes> {
  const dueMs = planArrivals(plan.phases);
  const outcomes: Outcomes = {
    dueMs,
    lateMs: new Float64Array(dueMs.length).fill(NaN),
    tookMs: new Float64Array(dueMs.length).fill(NaN),
    status: new Uint16Array(dueMs.length),
    hasRetryAfter: new Uint8Array(dueMs.length),
  };
  const free: OneRequestConnection[] = [];
  const connections = Array.from(
    { length: plan.connections },
    () => new OneRequestConnection(target, (connection) => void free.push(connection)),
  );
  await Promise.all(connections.map((connection) => connection.opened));
  await sendAll(outcomes, free, plan.napMs);
  for (const connection of connections) connection.close();
  return outcomes;
}

/** Resolves when all are answered, or the last one's deadline has passed. */
function sendAll(
  outcomes: Outcomes,
  free: OneRequestConnection[],
  longestNapMs = NAP_MS,
): Promise<void> {
  const { dueMs, lateMs, tookMs, status, hasRetryAfter } = outcomes;
  const startedAt = performance.now();
  const endsAtMs = (dueMs.at(-1) ?? 0) + ANSWER_DEADLINE_MS;
  let next = 0;
  let ended = 0;

  function send(connection: OneRequestConnection, index: number): void {
    const due = dueMs[index] ?? 0;
    lateMs[index] = performance.now() - startedAt - due;
    connection.ask((answer) => {
      ended++;
      if (answer === null) return;
      tookMs[index] = performance.now() - startedAt - due;
      status[index] = answer.status;
      hasRetryAfter[index] = answer.hasRetryAfter ? 1 : 0;
    });
  }

  return new Promise((resolve) => {
    function turn(): void {
      const nowMs = performance.now() - startedAt;
      while ((dueMs[next] ?? Infinity) <= nowMs) {
        const connection = free.pop();
        if (connection === undefined) break; // They go in order as connections become free.
        send(connection, next++);
      }
      if (ended === dueMs.length || nowMs > endsAtMs) return resolve();
      const napMs = Math.min(longestNapMs, (dueMs[next] ?? Infinity) - nowMs);
      if (napMs > 0) Atomics.wait(napping, 0, 0, napMs);
      setImmediate(turn);
    }
    turn();
  });
}
