import { STATUS_CODES } from 'node:http';
import type { Problem } from '../protocol/control-api.ts';
import { ERROR_TABLE, toWireError, type WireError } from '../protocol/errors.ts';

interface ForeignError {
  validation?: unknown;
  statusCode?: unknown;
  message?: unknown;
}

/** An error as RFC 9457 has it; a bug tells only the id under which the log has it. */
export function problemOf(error: unknown, requestId: string): Problem {
  const wire = fromFramework(error) ?? toWireError(error);
  const { status } = ERROR_TABLE[wire.code];
  const isBug = wire.code === 'internal';
  const problem: Problem = {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: isBug ? `the platform failed; its log has the reason under ${requestId}` : wire.message,
    code: wire.code,
  };
  if (wire.hint !== undefined) problem.hint = wire.hint;
  return problem;
}

/** What fastify itself refuses: bodies that are too large, no JSON, or against the schema. */
function fromFramework(error: unknown): WireError | null {
  const { validation, statusCode, message } = error as ForeignError;
  if (validation === undefined && typeof statusCode !== 'number') return null;
  if (typeof statusCode === 'number' && statusCode >= 500) return null;
  return { code: statusCode === 413 ? 'too-large' : 'bad-request', message: String(message) };
}
