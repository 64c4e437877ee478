import type { ServedFunction } from '../model/served.ts';
import type { InvocationEnd } from '../router/ports.ts';

const KIB_PER_MIB = 1024;

/**
 * The summary of an invocation, as AWS Lambda prints it: the billed duration counts the start of the worker, for
 * the request that waited for it, and is rounded up to a millisecond.
 */
export function reportText(
  served: ServedFunction,
  end: InvocationEnd,
): { text: string; fields: string } {
  const { durationMs, coldStartMs } = end;
  const billedDurationMs = Math.ceil(durationMs + (coldStartMs ?? 0));
  const maxMemoryUsedMb = Math.ceil((end.worker?.peakMemoryKib ?? 0) / KIB_PER_MIB);
  const words = [
    `REPORT RequestId: ${end.requestId}`,
    `Duration: ${durationMs.toFixed(2)} ms`,
    `Billed Duration: ${billedDurationMs} ms`,
    `Memory Size: ${served.memoryMib} MB`,
    `Max Memory Used: ${maxMemoryUsedMb} MB`,
  ];
  if (coldStartMs !== null) words.push(`Init Duration: ${coldStartMs.toFixed(2)} ms`);
  const fields = {
    status: end.status,
    outcome: end.failure?.kind ?? (end.status === null ? 'client-gone' : 'ok'),
    durationMs: round(durationMs),
    billedDurationMs,
    memorySizeMb: served.memoryMib,
    maxMemoryUsedMb,
    ...(coldStartMs !== null && { initDurationMs: round(coldStartMs) }),
  };
  return { text: words.join(' '), fields: JSON.stringify(fields) };
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
