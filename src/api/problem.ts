import { STATUS_CODES } from 'node:http';
import { Type } from 'typebox';
import type { Problem, ProblemDetail } from '../protocol/control-api.ts';
import {
  ERROR_TABLE,
  type ErrorCode,
  PlatformError,
  toWireError,
  type WireError,
} from '../protocol/errors.ts';
import { notJson } from './json-parser.ts';

/** RFC 9457. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong, for people' }),
    code: Type.String({ description: 'What is wrong, for programs; there may be more one day' }),
    hint: Type.Optional(Type.String({ description: 'What to do about it' })),
    instance: Type.String({ description: 'Id of the request, which logs have too' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.Optional(
            Type.String({ description: 'JSON pointer into the body: `#/name`' }),
          ),
          parameter: Type.Optional(Type.String({ description: 'Of the path or the query string' })),
          message: Type.String(),
        }),
      ),
    ),
    output: Type.Optional(
      Type.Array(Type.String(), { description: 'What a build or a release printed, by lines' }),
    ),
  },
  { title: 'Problem' },
);

/** What fastify and ajv tell of a request that they refuse. */
interface ForeignError {
  validation?: { instancePath: string; message?: string; params?: Record<string, unknown> }[];
  validationContext?: string;
  statusCode?: unknown;
  message?: unknown;
}

/** More would be one mistake told many times. */
const MAX_ERRORS = 20;

/** An error as RFC 9457 has it; a bug tells only the id under which the log has it. */
export function problemOf(error: unknown, requestId: string): Problem {
  const wire = fromFramework(error) ?? toWireError(error);
  const { status } = ERROR_TABLE[wire.code];
  const isBug = wire.code === 'internal';
  const errors = detailsOf(error as ForeignError);
  const output = error instanceof PlatformError ? error.output : undefined;
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: isBug ? `the platform failed; its log has the reason under ${requestId}` : wire.message,
    code: wire.code,
    ...(wire.hint !== undefined && { hint: wire.hint }),
    instance: requestId,
    ...(errors.length > 0 && { errors }),
    ...(output !== undefined && { output }),
  };
}

const FRAMEWORK_CODES: Record<number, ErrorCode> = {
  413: 'too-large',
  415: 'unsupported-media-type',
};

/** What fastify itself refuses: bodies that are too large, no JSON, or against the schema. */
function fromFramework(error: unknown): WireError | null {
  const { validation, statusCode, message } = error as ForeignError;
  if (validation === undefined && typeof statusCode !== 'number') return null;
  if (typeof statusCode === 'number' && statusCode >= 500) return null;
  const code = FRAMEWORK_CODES[Number(statusCode)] ?? 'bad-request';
  return code === 'unsupported-media-type'
    ? toWireError(notJson())
    : { code, message: String(message) };
}

function detailsOf({ validation, validationContext }: ForeignError): ProblemDetail[] {
  return (validation ?? []).slice(0, MAX_ERRORS).map(({ instancePath, message, params }) => {
    const surplus = params?.['additionalProperty'] ?? params?.['missingProperty'];
    const path = typeof surplus === 'string' ? `${instancePath}/${escape(surplus)}` : instancePath;
    const where =
      validationContext === 'body' ? { pointer: `#${path}` } : { parameter: path.slice(1) };
    return { ...where, message: message ?? 'is not as it should be' };
  });
}

/** RFC 6901 section 3. */
function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
