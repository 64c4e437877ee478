/**
 * What all answers of the control API have in common. What each operation takes and gives is in control-client.generated.ts,
 * made from the schemas beside the handlers. Requests carry `Authorization: Bearer <token>`; times are ISO 8601 in UTC,
 * durations milliseconds; a failure is `application/problem+json`, a `Problem`.
 */
import type { ErrorCode } from './errors.ts';

/** In answers to whoever has a token: the version of gitfn that the server runs, as in package.json. */
export const SERVER_VERSION_HEADER = 'x-gitfn-version';

/** RFC 9457 problem details. */
export interface Problem {
  /** `about:blank`, or a URL that explains the code. */
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  /** What to do about it. */
  hint?: string;
  /** Id of the request. */
  instance: string;
  /** What is wrong with which part of the request. */
  errors?: ProblemDetail[];
  /** What a build or a release printed, line by line. */
  output?: string[];
}

export interface ProblemDetail {
  /** JSON pointer into the body, as a fragment: `#/apps/0`. */
  pointer?: string;
  /** Of the path or the query string. */
  parameter?: string;
  message: string;
}
