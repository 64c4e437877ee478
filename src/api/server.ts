import swagger from '@fastify/swagger';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Actor } from '../access/index.ts';
import { FnManifestSchema } from '../model/manifest.ts';
import { type Problem, SERVER_VERSION_HEADER } from '../protocol/control-api.ts';
import { PlatformError } from '../protocol/errors.ts';
import { peerAddress } from '../protocol/peer.ts';
import { systemClock } from '../std/clock.ts';
import { newId } from '../std/ids.ts';
import { auditMutations } from './audit-mutations.ts';
import { auditRoutes } from './audit/handlers.ts';
import { accessRoutes } from './access/handlers.ts';
import { appRoutes } from './apps/handlers.ts';
import { certificateRoutes } from './certificates/handlers.ts';
import { commandLineRoutes } from './command-line/handlers.ts';
import { consistencyRoutes } from './consistency/handlers.ts';
import { deploymentRoutes } from './deployments/handlers.ts';
import { domainRoutes } from './domains/handlers.ts';
import { environmentRoutes } from './environment/handlers.ts';
import { functionRoutes } from './functions/handlers.ts';
import { keyRoutes } from './keys/handlers.ts';
import { masterKeyRoutes } from './master-key/handlers.ts';
import { answerNotModified } from './etag.ts';
import { carryOutOnce, retryAfterOf } from './idempotency.ts';
import { refuseInfinity } from './finite-numbers.ts';
import { gitHostRoutes, hookRoutes } from './git-hosts/handlers.ts';
import { jsonParser, refuseUntyped } from './json-parser.ts';
import { openApiOptions } from './openapi.ts';
import { HIDDEN, isPublic, requireDescription } from './operation.ts';
import type { ApiDeps } from './ports.ts';
import { problemOf } from './problem.ts';
import { pushRoutes } from './pushes/handlers.ts';
import { metricsRoutes } from './metrics/handlers.ts';
import { readinessRoutes } from './readiness/handlers.ts';
import { createLogReader } from './logs/log-reader.ts';
import { requirePrivateConnection } from './private-connection.ts';
import { loginRoutes } from './login/handlers.ts';
import { logRoutes } from './logs/handlers.ts';
import { tokenRoutes } from './tokens/handlers.ts';
import { whoAmIRoutes } from './whoami/handlers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who makes the request; set before any handler of a route that needs a token. */
    actor: Actor;
    authenticatedAtMs: number;
  }
}

/** The fastify instance that the routes of each noun are added to. */
export type ApiInstance = ReturnType<typeof createInstance>;

const BODY_LIMIT_BYTES = 1024 * 1024;
const MAX_PARAMETER_CHARACTERS = 2_000;
/** Of fastify, for a part of the path. */
const TOO_LONG_NAME = 'FST_ERR_MAX_PARAM_LENGTH';
/** After this time with its body still to come, a request's token is looked at once more. */
const RECONSIDER_MS = 500;

function createInstance() {
  return fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    // Names of domains are the longest; what is none is said by whoever reads them.
    routerOptions: { maxParamLength: MAX_PARAMETER_CHARACTERS },
    genReqId: () => newId('req'),
    // Unknown fields are an error, not silently dropped: a typing mistake must not look like success.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array' } },
    frameworkErrors: (error, request, reply) => {
      const refused = error.code === TOO_LONG_NAME ? nameTooLong() : error;
      sendProblem(reply, problemOf(refused, request.id));
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
}

/** The API as an HTTP server that does not listen yet. */
export async function createApi(deps: ApiDeps): Promise<FastifyInstance> {
  const api = createInstance();
  await api.register(swagger, openApiOptions());
  api.addHook('onRoute', requireDescription);
  // Of text fastify would take what no operation here has a use for.
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('application/json', { parseAs: 'buffer' }, jsonParser(api));
  api.addContentTypeParser('*', { parseAs: 'buffer' }, refuseUntyped);
  api.addHook('preValidation', async (request) => {
    // Whoever sends nothing to an operation that takes something leaves out all that can be left out.
    const takesBody = request.routeOptions.schema?.body !== undefined;
    if (takesBody && request.body === undefined) request.body = {};
  });
  api.decorateRequest('actor');
  api.decorateRequest('authenticatedAtMs', 0);
  api.addHook('onRequest', async (request, reply) => {
    if (isPublic(request.routeOptions)) return;
    requirePrivateConnection(deps.address, request);
    request.actor = await authenticate(deps, request);
    request.authenticatedAtMs = systemClock.monotonicMs();
    reply.header(SERVER_VERSION_HEADER, deps.version);
  });
  api.addHook('preHandler', async (request) => {
    if (isPublic(request.routeOptions)) return;
    if (systemClock.monotonicMs() - request.authenticatedAtMs < RECONSIDER_MS) return;
    request.actor = await authenticate(deps, request);
  });
  answerWithProblems(api, deps);
  refuseInfinity(api);
  carryOutOnce(api, deps);
  // Behind it: what was carried out already is not done again.
  auditMutations(api, deps);
  answerNotModified(api);
  const logReader = createLogReader(deps.db);
  await api.register(async (routes) => {
    const typed = routes.withTypeProvider<TypeBoxTypeProvider>();
    commandLineRoutes(typed, deps);
    whoAmIRoutes(typed, deps);
    appRoutes(typed, deps);
    accessRoutes(typed, deps);
    deploymentRoutes(typed, deps);
    functionRoutes(typed, deps, logReader);
    pushRoutes(typed, deps);
    logRoutes(typed, deps, logReader);
    metricsRoutes(typed, deps);
    environmentRoutes(typed, deps);
    domainRoutes(typed, deps);
    certificateRoutes(typed, deps);
    masterKeyRoutes(typed, deps);
    consistencyRoutes(typed, deps);
    tokenRoutes(typed, deps);
    keyRoutes(typed, deps);
    auditRoutes(typed, deps);
    loginRoutes(typed, deps);
    gitHostRoutes(typed, deps);
  });
  await api.register(async (scope) => {
    hookRoutes(scope.withTypeProvider<TypeBoxTypeProvider>(), deps);
  });
  readinessRoutes(api, deps, (request) => authenticate(deps, request));
  api.get('/openapi.json', HIDDEN, () => api.swagger());
  api.get('/schema/fn.json', HIDDEN, (_request, reply) =>
    reply.type('application/schema+json').send(FnManifestSchema),
  );
  await api.ready();
  return api;
}

async function authenticate(deps: ApiDeps, request: FastifyRequest): Promise<Actor> {
  const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (token !== undefined) {
    return deps.access.authenticate(token, peerAddress(request.headers));
  }
  throw new PlatformError('unauthenticated', 'this request carries no token', {
    hint: 'send "Authorization: Bearer <token>"; fn init stores one for the command line',
  });
}

function answerWithProblems(api: ApiInstance, deps: ApiDeps): void {
  api.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, request.id);
    if (problem.code === 'internal') deps.onBug(error, request.id);
    // fastify closes behind a body that was refused. What is still on its way is read and dropped instead: a connection that
    // closes while the other end writes, or ends what it has written, takes the answer with it.
    reply.removeHeader('connection');
    if (problem.code === 'unauthenticated') reply.header('www-authenticate', 'Bearer');
    const retryAfter = retryAfterOf(error, problem.code);
    if (retryAfter !== null) reply.header('retry-after', retryAfter);
    return sendProblem(reply, problem);
  });
  api.setNotFoundHandler((request, reply) => {
    const problem = problemOf(
      new PlatformError('not-found', `there is no ${request.method} ${request.url}`, {
        hint: 'GET /openapi.json lists what there is',
      }),
      request.id,
    );
    return sendProblem(reply, problem);
  });
}

function sendProblem(reply: Pick<FastifyReply, 'code'>, problem: Problem): FastifyReply {
  return reply.code(problem.status).type('application/problem+json').send(problem);
}

function nameTooLong(): PlatformError {
  const message = `a name in the path has more than ${MAX_PARAMETER_CHARACTERS} characters`;
  return new PlatformError('bad-request', message, {
    hint: 'nothing has such a name; GET /openapi.json lists the paths',
  });
}
