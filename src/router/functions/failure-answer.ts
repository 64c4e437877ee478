import type { InvocationFailure } from '../../pool/ports.ts';
import type { Answer } from '../answers.ts';
import type { WholeReply } from '../quick-reply.ts';

export interface FailureAnswer {
  status: number;
  message: string;
  retryAfterSeconds: number | null;
}

/** What every answer to a request for a deployment carries. */
export interface ErrorContext {
  requestId: string;
  /** name, value, name, value, … */
  headers: readonly string[];
}

/** An answer in place of the function's: JSON, so that its callers need to read one kind of error only. */
export function errorAnswer(
  { status, message, retryAfterSeconds }: FailureAnswer,
  { requestId, headers }: ErrorContext,
): Answer {
  return {
    status,
    body: `${JSON.stringify({ error: message, requestId })}\n`,
    headers: {
      ...fieldsOf(headers),
      'content-type': 'application/json',
      ...(retryAfterSeconds !== null && { 'retry-after': String(retryAfterSeconds) }),
    },
  };
}

/** The same in one piece: what overload is answered with must cost little. */
export function wholeError(
  { status, message, retryAfterSeconds }: FailureAnswer,
  requestId: string,
  ownLines: string,
): WholeReply {
  const retry = retryAfterSeconds === null ? '' : `retry-after: ${retryAfterSeconds}\r\n`;
  return {
    status,
    lines: `${ownLines}content-type: application/json\r\n${retry}`,
    body: Buffer.from(`${JSON.stringify({ error: message, requestId })}\n`),
  };
}

export function tooLargeAnswer(maxBodyBytes: number, context: ErrorContext): Answer {
  const message = `The request body is larger than ${maxBodyBytes} bytes`;
  return errorAnswer({ status: 413, message, retryAfterSeconds: null }, context);
}

export function noFunctionAnswer(context: ErrorContext): Answer {
  const message = 'There is no function at this path';
  return errorAnswer({ status: 404, message, retryAfterSeconds: null }, context);
}

/** `allow` lists the methods that have a function there. */
export function noMethodAnswer(allow: string, context: ErrorContext): Answer {
  const message = `This path answers ${allow} only`;
  const answer = errorAnswer({ status: 405, message, retryAfterSeconds: null }, context);
  return { ...answer, headers: { ...answer.headers, allow } };
}

/** What the caller of a function learns of its failure: never a stack, a path or an address. */
export function failureAnswer(failure: InvocationFailure): FailureAnswer {
  switch (failure.kind) {
    case 'threw':
      return { status: 502, message: 'The function failed', retryAfterSeconds: null };
    case 'timeout': {
      const seconds = (failure.timeoutMs / 1000).toFixed(2);
      return {
        status: 504,
        message: `Task timed out after ${seconds} seconds`,
        retryAfterSeconds: null,
      };
    }
    case 'out-of-memory': {
      const message = `Worker ran out of memory (limit ${failure.memoryMib} MB)`;
      return { status: 502, message, retryAfterSeconds: null };
    }
    case 'worker-gone':
      return { status: 502, message: failure.message, retryAfterSeconds: null };
    case 'init-failed':
      return { status: 502, message: 'The function failed to start', retryAfterSeconds: null };
    case 'unavailable':
      return { status: 503, message: 'No worker could be started', retryAfterSeconds: 1 };
    case 'queue-full':
      return waiting('Too many requests are waiting for this function', failure.retryAfterMs);
    case 'queue-timeout':
      return waiting('No worker was free in time', failure.retryAfterMs);
    case 'backing-off':
      return waiting('The function keeps failing to start', failure.retryAfterMs);
    case 'starts-spent':
      return waiting('The app has started too many workers', failure.retryAfterMs);
    default:
      return failure satisfies never;
  }
}

function waiting(message: string, retryAfterMs: number): FailureAnswer {
  return { status: 503, message, retryAfterSeconds: Math.max(1, Math.ceil(retryAfterMs / 1000)) };
}

/** name, value, name, value, … as fields; a repeated name keeps its last value. */
export function fieldsOf(list: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at + 1 < list.length; at += 2) fields[list[at] ?? ''] = list[at + 1] ?? '';
  return fields;
}
