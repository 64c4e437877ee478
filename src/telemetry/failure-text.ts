import type { InvocationFailure } from '../pool/ports.ts';
import type { LogLevel } from '../protocol/worker.ts';

const OVERLOADS: ReadonlySet<InvocationFailure['kind']> = new Set([
  'queue-full',
  'queue-timeout',
  'backing-off',
  'starts-spent',
]);

interface FailureEntry {
  level: LogLevel;
  text: string;
  fields: string;
}

/** Why an invocation failed, for its author: with the stack, which the caller never sees. */
export function describeFailure(failure: InvocationFailure): FailureEntry {
  const { errorType, message, stack = '' } = failureDetails(failure);
  const title = errorType === 'Error' ? `Error: ${message}` : `${errorType}: ${message}`;
  return {
    level: isOverload(failure) ? 'warn' : 'error',
    text: stack === '' ? title : stack,
    fields: JSON.stringify({ errorType, errorMessage: message }),
  };
}

interface FailureDetails {
  errorType: string;
  message: string;
  stack?: string;
}

/** What of it the API tells. */
export function failureDetails(failure: InvocationFailure): FailureDetails {
  switch (failure.kind) {
    case 'threw':
      return failure;
    case 'timeout':
      return {
        errorType: 'Timeout',
        message: `Task timed out after ${(failure.timeoutMs / 1000).toFixed(2)} seconds`,
      };
    case 'out-of-memory':
      return {
        errorType: 'OutOfMemory',
        message: `Worker ran out of memory (limit ${failure.memoryMib} MB)`,
      };
    case 'worker-gone':
      return { errorType: 'WorkerExit', message: failure.message };
    case 'init-failed':
      return { errorType: 'InitFailed', ...failure.failure };
    case 'unavailable':
      return { errorType: 'Unavailable', message: failure.message };
    case 'queue-full':
      return { errorType: 'QueueFull', message: 'more requests waited for a worker than may' };
    case 'queue-timeout':
      return { errorType: 'QueueTimeout', message: 'no worker was free in time' };
    case 'backing-off':
      return {
        errorType: 'BackingOff',
        message: 'the last workers all failed; the next start is tried later',
      };
    case 'starts-spent':
      return { errorType: 'StartsSpent', message: failure.message };
    default:
      return failure satisfies never;
  }
}

/** Told of the function's load rather than of its code. */
function isOverload({ kind }: InvocationFailure): boolean {
  return OVERLOADS.has(kind);
}
