/** The door's own answers: short plain text, but to clients of the API. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Problem } from '../protocol/control-api.ts';
import { ERROR_TABLE } from '../protocol/errors.ts';
import type { OpenRoute } from './route-table.ts';

/** How long a client may go on sending a body that nobody wants, so that it gets to read the answer. */
const LINGER_MS = 2_000;
/** Responses that wait for that. */
const lingering = new WeakMap<ServerResponse, () => void>();

export interface Answer {
  status: number;
  body: string;
  headers?: Record<string, string>;
}

/** Sends a whole answer; the connection closes after it when the request's body has not all come. */
export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): void {
  response.writeHead(answer.status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(answer.body),
    ...answer.headers,
    ...(isBodyPending(request) && { connection: 'close' }),
  });
  response.write(answer.body);
  endAfterRequest(request, response);
}

/**
 * Ends a response that is written. Closing while the client still sends would reset the connection under the
 * answer, so what comes is thrown away for a while.
 */
export function endAfterRequest(request: IncomingMessage, response: ServerResponse): void {
  if (!isBodyPending(request) || request.destroyed) {
    response.end();
    return;
  }
  const end = (): void => {
    clearTimeout(timer);
    lingering.delete(response);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  lingering.set(response, end);
  request.on('end', end);
  request.on('close', end);
  request.resume();
}

/** Ends a response that is written and only lets its client finish; false when it is none of these. */
export function endLingering(response: ServerResponse): boolean {
  lingering.get(response)?.();
  return response.writableEnded;
}

/** A request without a body is not `complete` while it is being announced, though nothing will follow. */
export function isBodyPending(request: IncomingMessage): boolean {
  // A stream of HTTP/2 ends alone, and tells its client to send no more.
  if (request.complete || request.httpVersionMajor === 2) return false;
  const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
  return coding !== undefined || (length !== undefined && Number(length) > 0);
}

/** How long a browser goes to the other host without asking again: whoever chose it may choose anew. */
const REDIRECT_MAX_AGE_S = 600;

/** Sends a client to the same path and query at another host; 308 keeps the method and the body (RFC 9110, 15.4.9). */
export function redirectAnswer(to: string, target: string, isPrivate = false): Answer {
  // The target of OPTIONS may be an asterisk.
  const location = target.startsWith('/') ? to + target : `${to}/`;
  // The target of a private one may have a secret in it.
  const cache = isPrivate ? 'no-store' : `max-age=${REDIRECT_MAX_AGE_S}`;
  const headers = { location, 'cache-control': cache };
  return { status: 308, body: `This is at ${to} now.\n`, headers };
}

/** Whoever starts, or starts again, is there soon. */
const AWAY_HEADERS = { 'retry-after': '1' };

/** For git, which shows its user what it reads. */
export function gitAwayAnswer(): Answer {
  const body =
    'The git front is not answering; running functions are not affected. Try again in a moment.\n';
  return { status: 503, body, headers: AWAY_HEADERS };
}

/** For clients of the API, which read all that is wrong as a problem (RFC 9457), also from who stands in for it. */
export function controlAwayAnswer(): Answer {
  const problem: Problem = {
    type: 'about:blank',
    title: 'Service Unavailable',
    status: ERROR_TABLE.unavailable.status,
    code: 'unavailable',
    detail: 'the control plane is not answering: it is starting, or was just restarted',
    hint: 'try again in a moment; running functions are not affected',
    instance: randomUUID(),
  };
  const headers = { ...AWAY_HEADERS, 'content-type': 'application/problem+json' };
  return { status: problem.status, body: `${JSON.stringify(problem)}\n`, headers };
}

/** Why there is nothing at a host. */
export function missingRouteText(
  route: Exclude<OpenRoute, { kind: 'control' | 'deployment' | 'redirect' }>,
): string {
  switch (route.kind) {
    case 'unknown-host':
      return 'There is nothing at this address.\n';
    case 'unknown-app':
      return `There is no app "${route.app}", or nothing of it was deployed yet.\n`;
    case 'nothing-deployed':
      return `The app "${route.app}" has no deployment yet.\n`;
    case 'unknown-branch':
      return `The app "${route.app}" has no branch or tag "${route.slug}".\n`;
    case 'unknown-commit':
      return (
        `The commit ${route.prefix} of the app "${route.app}" is not deployed. ` +
        `To deploy it: fn deploy ${route.prefix}\n`
      );
    case 'ambiguous-commit':
      return `Several deployed commits of the app "${route.app}" begin with ${route.prefix}; give more digits.\n`;
    default:
      return route satisfies never;
  }
}
