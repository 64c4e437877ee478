import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';

/** An HTTP answer other than the one asked for. Its text is shown by the git client, so it says what to do. */
export class Refusal extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, text: string, headers: Record<string, string> = {}) {
    super(text);
    this.name = 'Refusal';
    this.status = status;
    this.headers = headers;
  }
}

const RETRY_AFTER_SECONDS = '5';

/** Makes an answer of whatever ended a request; a bug tells its client nothing but that. */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!(error instanceof PlatformError))
    return new Refusal(500, 'internal error of the git server');
  if (error.code === 'unauthenticated') return askForToken(error.message);
  const { status, retryable } = ERROR_TABLE[error.code];
  const retryAfter = error.retryAfterS === undefined ? RETRY_AFTER_SECONDS : `${error.retryAfterS}`;
  const text = error.hint === undefined ? error.message : `${error.message}\n${error.hint}`;
  return new Refusal(status, text, retryable ? { 'retry-after': retryAfter } : {});
}

/** 401: git asks its credential helper, or the person, and comes again. */
export function askForToken(text: string): Refusal {
  return new Refusal(401, text, { 'www-authenticate': 'Basic realm="gitfn", charset="UTF-8"' });
}

export function busy(text: string): Refusal {
  return new Refusal(503, text, { 'retry-after': RETRY_AFTER_SECONDS });
}
