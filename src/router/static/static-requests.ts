/** The requests of deployments with public files: the files first, then the functions. */
import { randomUUID } from 'node:crypto';
import { ERROR_TABLE, PlatformError } from '../../protocol/errors.ts';
import { sendAnswer } from '../answers.ts';
import {
  errorAnswer,
  fieldsOf,
  noFunctionAnswer,
  noMethodAnswer,
  type ErrorContext,
} from '../functions/failure-answer.ts';
import type { FunctionMatch } from '../functions/function-table.ts';
import type { Site, SiteRequest } from '../functions/function-requests.ts';
import type { FailureLog } from '../ports.ts';
import type { QuickReply } from '../quick-reply.ts';
import { evaluateConditions } from './static-conditions.ts';
import { createStaticContent } from './static-content.ts';
import { chooseEncoding } from './static-encoding.ts';
import type { StaticFile, StaticIndex, StaticMatch } from './static-index.ts';
import { createStaticIndexes } from './static-indexes.ts';
import { sendStatic, type StaticReply } from './static-reply.ts';
import { REVALIDATED } from './static-type.ts';
import { targetQuery } from '../target-path.ts';

const READING = ['GET', 'HEAD'];

interface StaticDeps {
  failures: FailureLog;
  quickReply: QuickReply;
  /** For what the functions are to answer, or to refuse. */
  toFunction(site: Site, incoming: SiteRequest, match: FunctionMatch): void;
}

interface Found {
  site: Site;
  incoming: SiteRequest;
  index: StaticIndex;
  match: StaticMatch | null;
}

/** Answers requests for sites whose bundles have public files. */
export function createStaticRequests(
  deps: StaticDeps,
  bundlesDir: string,
): (site: Site, incoming: SiteRequest) => void {
  const indexes = createStaticIndexes(bundlesDir);
  const content = createStaticContent(bundlesDir);

  function answer(site: Site, incoming: SiteRequest, index: StaticIndex): void {
    const { method, target } = incoming.client;
    const found = { site, incoming, index, match: index.find(target) };
    if (!READING.includes(method) || found.match === null) toFunctions(found);
    else if (found.match.kind === 'moved') sendMoved(found, found.match.path);
    else sendFile(found, found.match.file);
  }

  function toFunctions({ site, incoming, index, match }: Found): void {
    const { method, target, request, response } = incoming.client;
    const ofFunctions = site.functions.find(method, target);
    const isPublic = match !== null || site.deployment.functions.length === 0;
    const page = index.notFoundPage;
    if (ofFunctions.kind !== 'no-path') {
      deps.toFunction(site, incoming, isPublic ? withReading(ofFunctions) : ofFunctions);
    } else if (isPublic && !READING.includes(method)) {
      sendAnswer(request, response, noMethodAnswer(READING.join(', '), contextOf(site)));
    } else if (page !== null && READING.includes(method)) {
      sendNotFound({ site, incoming }, page);
    } else {
      sendAnswer(request, response, noFunctionAnswer(contextOf(site)));
    }
  }

  function sendFile({ site, incoming }: Found, file: StaticFile): void {
    const { headers } = incoming.client.request;
    const form = formFor(file, headers['accept-encoding']);
    const outcome = evaluateConditions(
      {
        ifMatch: headers['if-match'],
        ifNoneMatch: headers['if-none-match'],
        ifRange: joined(headers['if-range']),
        range: headers.range,
      },
      incoming.client.method === 'HEAD' ? 'HEAD' : 'GET',
      form,
    );
    send({ site, incoming }, { form, outcome });
  }

  function sendNotFound(asked: Pick<Found, 'site' | 'incoming'>, page: StaticFile): void {
    const form = formFor(page, asked.incoming.client.request.headers['accept-encoding']);
    send(asked, { form, outcome: { status: 404 } });
  }

  function send(
    { site, incoming }: Pick<Found, 'site' | 'incoming'>,
    what: Pick<StaticReply, 'form' | 'outcome'>,
  ): void {
    const { request, response } = incoming.client;
    const requestId = randomUUID();
    const reply: StaticReply = {
      ...what,
      request,
      response,
      bundle: site.deployment.bundle,
      ownHeaders: [...site.headers, 'x-request-id', requestId],
      ownLines: `${site.headerLines}x-request-id: ${requestId}\r\n`,
    };
    sendStatic({ content, quickReply: deps.quickReply }, reply).catch((error: unknown) =>
      fail(site, incoming, { requestId, error }),
    );
  }

  /** The operator's fault, not the request's: the caller learns no more than that. */
  function fail(
    site: Site,
    { client: { request, response } }: SiteRequest,
    { requestId, error }: { requestId: string; error: unknown },
  ): void {
    deps.failures.unreadable(site.deployment, requestId, error);
    if (response.headersSent || response.destroyed) return;
    const isBusy = error instanceof PlatformError && ERROR_TABLE[error.code].retryable;
    const failure = isBusy
      ? { status: 503, message: 'Too many files are being read', retryAfterSeconds: 1 }
      : { status: 500, message: 'The file cannot be read', retryAfterSeconds: null };
    sendAnswer(request, response, errorAnswer(failure, contextOf(site, requestId)));
  }

  return (site, incoming) => {
    const { bundle } = site.deployment;
    const kept = indexes.kept(bundle);
    if (kept !== null) {
      answer(site, incoming, kept);
      return;
    }
    const loaded = (index: StaticIndex): void => {
      if (!incoming.client.response.destroyed) answer(site, incoming, index);
    };
    indexes
      .load(bundle)
      .then(loaded, (error: unknown) => fail(site, incoming, { requestId: randomUUID(), error }));
  };
}

function formFor(
  file: StaticFile,
  accepted: string | string[] | undefined,
): StaticFile['identity'] {
  return file[chooseEncoding(joined(accepted), file)] ?? file.identity;
}

function sendMoved({ site, incoming }: Found, path: string): void {
  const { target, request, response } = incoming.client;
  const location = path + targetQuery(target);
  sendAnswer(request, response, {
    status: 308,
    body: `Moved to ${location}\n`,
    headers: { ...fieldsOf(contextOf(site).headers), location, 'cache-control': REVALIDATED },
  });
}

/** A path that has a file answers GET and HEAD, whatever its functions answer. */
function withReading(match: FunctionMatch): FunctionMatch {
  if (match.kind !== 'no-method') return match;
  const all = new Set([...READING, ...match.allow.split(', ')]);
  return { kind: 'no-method', allow: [...all].sort().join(', ') };
}

function contextOf({ headers }: Site, requestId: string = randomUUID()): ErrorContext {
  return { requestId, headers: [...headers, 'x-request-id', requestId] };
}

/** Node joins most repeated fields itself. */
function joined(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field.join(', ') : field;
}
