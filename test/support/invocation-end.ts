import type { InvocationEnd, InvocationTarget } from '../../src/router/ports.ts';
import { servedDeployment, servedFunction } from './function-code.ts';

/** One that was answered, but for what is said otherwise. */
export function invocationEnd(own: Partial<InvocationEnd> = {}): InvocationEnd {
  return {
    requestId: 'req-1',
    status: 200,
    durationMs: 10,
    coldStartMs: null,
    failure: null,
    requestBytes: 0,
    responseBytes: 0,
    worker: { peakMemoryKib: 50_000 },
    ...own,
  };
}

/** A function of 128 MB. */
export function invocationTarget(name = 'main'): InvocationTarget {
  const served = servedFunction({ name, memoryMib: 128 });
  return {
    served,
    deployment: servedDeployment({ bundle: 'a'.repeat(64), functions: [served] }),
  };
}
