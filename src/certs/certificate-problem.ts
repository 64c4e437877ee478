/** Why there is no certificate, or no new one, in words for who can mend it; kept in the schedule. */
import { PlatformError } from '../protocol/errors.ts';
import { CaProblem } from './orders/ca-problem.ts';
import type { PreCheckFinding } from './ports.ts';

export interface CertificateProblem {
  code: ProblemCode;
  message: string;
  hint: string;
  /** The authority that was asked, or null. */
  directory: string | null;
  /** Milliseconds since 1970. */
  at: number;
}

export type ProblemCode =
  | PreCheckFinding['code']
  | CaProblem['kind']
  /** An authority has looked for an answer to its challenge, and not found it. */
  | 'challenge-failed'
  /** What came is for another key or other names, or not valid now. */
  | 'wrong-certificate'
  /** No kind of challenge can prove this name here. */
  | 'no-challenge'
  | 'clock-wrong'
  | 'budget-used'
  /** The provider that sets TXT records did not. */
  | 'dns-provider'
  /** A fault of this platform: the database, the disk, a process that is away. */
  | 'platform';

/** Ends an attempt; told to people as it is. */
export class AttemptFailure extends Error {
  readonly code: ProblemCode;
  readonly hint: string;
  /** When it may be tried again, where that is known; milliseconds since 1970. */
  readonly retryAt: number | null;

  constructor(
    code: ProblemCode,
    message: string,
    details: { hint: string; retryAt?: number | null; cause?: unknown },
  ) {
    super(message, { cause: details.cause });
    this.name = 'AttemptFailure';
    this.code = code;
    this.hint = details.hint;
    this.retryAt = details.retryAt ?? null;
  }
}

const TRIED_AGAIN = 'nothing has to be done: it is tried again by itself';

const HINTS: Record<CaProblem['kind'], string> = {
  unreachable:
    'see whether this machine reaches it (curl its directory); it is tried again by itself',
  failing: TRIED_AGAIN,
  'rate-limited': 'it asks for patience, and is asked again when that is over',
  refused: 'mend what it says; it is tried again by itself, or at once by: fn domains verify',
  unusable: 'see whether ACME_DIRECTORY_URL names an ACME directory',
};

/** Any failure of an attempt as a problem of the certificate. */
export function problemOf(
  error: unknown,
  context: { directory: string | null; now: number },
): CertificateProblem {
  const { directory, now: at } = context;
  if (error instanceof AttemptFailure) {
    return { code: error.code, message: error.message, hint: error.hint, directory, at };
  }
  if (error instanceof CaProblem) {
    return { code: error.kind, message: error.message, hint: HINTS[error.kind], directory, at };
  }
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof PlatformError ? error.hint : undefined;
  return { code: 'platform', message, hint: hint ?? TRIED_AGAIN, directory, at };
}

export function codeOf(error: unknown): ProblemCode {
  return problemOf(error, { directory: null, now: 0 }).code;
}

const AUTHORITY_CODES: readonly ProblemCode[] = [
  'unreachable',
  'failing',
  'rate-limited',
  'refused',
  'unusable',
  'challenge-failed',
  'wrong-certificate',
];

/** Whether another authority might do better. */
export function isOfAuthority(code: ProblemCode): boolean {
  return AUTHORITY_CODES.includes(code);
}

/** Whether the authority has decided on the order, rather than not been heard: it is over, and worth a rehearsal. */
export function wasJudged(code: ProblemCode): boolean {
  return code === 'refused' || code === 'challenge-failed';
}
