/**
 * Every way in which the platform can fail, as data. One table gives each code its HTTP status, the CLI's exit
 * code, whether a retry can help and whose fault it is, so that no caller looks into message texts.
 */
interface ErrorTraits {
  status: number;
  /** 2 usage, 3 auth, 4 build, 5 release, 6 health, 7 superseded, 8 locked, 1 anything else. */
  exit: 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;
  retryable: boolean;
  fault: 'user' | 'operator';
}

export const ERROR_TABLE = {
  'bad-request': { status: 400, exit: 2, retryable: false, fault: 'user' },
  unauthenticated: { status: 401, exit: 3, retryable: false, fault: 'user' },
  forbidden: { status: 403, exit: 3, retryable: false, fault: 'user' },
  'not-found': { status: 404, exit: 2, retryable: false, fault: 'user' },
  /** A domain waits for its proof. */
  unverified: { status: 409, exit: 1, retryable: true, fault: 'user' },
  conflict: { status: 409, exit: 8, retryable: false, fault: 'user' },
  'too-large': { status: 413, exit: 2, retryable: false, fault: 'user' },
  /** It is what the API describes, and not what this server can do. */
  invalid: { status: 422, exit: 2, retryable: false, fault: 'user' },
  'build-failed': { status: 422, exit: 4, retryable: false, fault: 'user' },
  'release-failed': { status: 422, exit: 5, retryable: false, fault: 'user' },
  /** The first request with this idempotency key is still being carried out. */
  'in-progress': { status: 409, exit: 1, retryable: true, fault: 'user' },
  /** The first request with this idempotency key ended without an answer: it may have been carried out. */
  'outcome-unknown': { status: 409, exit: 1, retryable: false, fault: 'operator' },
  /** What is to be changed is not what `If-Match` names any more. */
  'precondition-failed': { status: 412, exit: 8, retryable: false, fault: 'user' },
  'unsupported-media-type': { status: 415, exit: 2, retryable: false, fault: 'user' },
  /** The idempotency key was used for another request. */
  'key-reused': { status: 422, exit: 2, retryable: false, fault: 'user' },
  'too-many-requests': { status: 429, exit: 1, retryable: true, fault: 'user' },
  superseded: { status: 409, exit: 7, retryable: false, fault: 'user' },
  busy: { status: 503, exit: 1, retryable: true, fault: 'operator' },
  unavailable: { status: 503, exit: 6, retryable: true, fault: 'operator' },
  /** What was asked for goes on; nobody waits for it any more. */
  'timed-out': { status: 504, exit: 1, retryable: true, fault: 'operator' },
  internal: { status: 500, exit: 1, retryable: false, fault: 'operator' },
  // What keeps the platform from starting.
  'config-invalid': { status: 500, exit: 2, retryable: false, fault: 'operator' },
  'port-in-use': { status: 500, exit: 1, retryable: false, fault: 'operator' },
  'tool-missing': { status: 500, exit: 1, retryable: false, fault: 'operator' },
  'data-folder': { status: 500, exit: 1, retryable: false, fault: 'operator' },
  'schema-newer': { status: 500, exit: 1, retryable: false, fault: 'operator' },
  /** It is missing, or not the one that the stored values are encrypted with. */
  'master-key': { status: 500, exit: 1, retryable: false, fault: 'operator' },
  /** What the data folder, or the database, stands on. */
  'disk-full': { status: 503, exit: 1, retryable: true, fault: 'operator' },
  'database-down': { status: 503, exit: 1, retryable: true, fault: 'operator' },
  'sandbox-failed': { status: 500, exit: 6, retryable: false, fault: 'operator' },
} as const satisfies Record<string, ErrorTraits>;

export type ErrorCode = keyof typeof ERROR_TABLE;

interface ErrorDetails {
  /** What to do about it, with the exact command where there is one. */
  hint?: string;
  /** Of a failure that is over then. */
  retryAfterS?: number;
  /** What a build or a release printed. */
  output?: string[];
  cause?: unknown;
}

/** An expected failure of one of the platform's own operations. */
export class PlatformError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retryAfterS: number | undefined;
  readonly output: string[] | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'PlatformError';
    this.code = code;
    this.hint = details.hint;
    this.retryAfterS = details.retryAfterS;
    this.output = details.output;
  }
}

/** What an operator has to mend, and whoever is refused for it may know of, in its own words. */
const TOLD_REASONS: readonly ErrorCode[] = ['database-down', 'disk-full'];

export function isToldReason(error: unknown): error is PlatformError {
  return error instanceof PlatformError && TOLD_REASONS.includes(error.code);
}

/** A PlatformError as it crosses a process boundary. */
export interface WireError {
  code: ErrorCode;
  message: string;
  hint?: string;
  retryAfterS?: number;
}

/** The error as data; what is not a PlatformError is a bug and tells nothing but that. */
export function toWireError(error: unknown): WireError {
  if (!(error instanceof PlatformError)) return { code: 'internal', message: 'internal error' };
  const wire: WireError = { code: error.code, message: error.message };
  if (error.hint !== undefined) wire.hint = error.hint;
  if (error.retryAfterS !== undefined) wire.retryAfterS = error.retryAfterS;
  return wire;
}

export function fromWireError(wire: WireError): PlatformError {
  const code = wire.code in ERROR_TABLE ? wire.code : 'internal';
  const { hint, retryAfterS } = wire;
  return new PlatformError(code, wire.message, {
    ...(hint !== undefined && { hint }),
    ...(retryAfterS !== undefined && { retryAfterS }),
  });
}
