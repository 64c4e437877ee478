import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { FunctionSettings } from '../../functions/index.ts';
import type { ValueChange } from '../../model/environment.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { KeyedMutex } from '../../std/mutex.ts';
import type { FunctionDeployment } from '../../protocol/control-client.generated.ts';
import { findFunction, listFunctionsOfApp, type FunctionRow } from '../../store/functions.ts';
import { listReleasesBelow } from '../../store/releases.ts';
import { clientSignal } from '../client-signal.ts';
import { requireMatch, tagged } from '../etag.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { createRequireFunction, type FoundFunction } from './find-function.ts';
import {
  CreateFunctionBody,
  DeployedFunctionSchema,
  FunctionParams,
  RollbackFunctionBody,
  UpdateFunctionBody,
} from './schema.ts';
import { viewFunction } from './view.ts';

/** Code of the largest size, each of its characters escaped, and settings. */
const BODY_LIMIT_BYTES = 3 * 1024 * 1024;
/** Versions that a message lists. */
const MAX_LISTED_VERSIONS = 20;

export function functionChangeRoutes(api: ApiInstance, deps: ApiDeps): void {
  const matching = createMatching(deps);
  createRoute(api, deps);
  updateRoutes(api, deps, matching);
  endRoutes(api, deps, matching);
}

/** Does the work to the function as it is, in turn with all others of its app who say what it must be. */
type Matching = <T>(
  request: Pick<FastifyRequest, 'headers'>,
  found: FoundFunction,
  work: (now: FoundFunction) => Promise<T>,
) => Promise<T>;

function createMatching(deps: ApiDeps): Matching {
  const turns = new KeyedMutex();
  return (request, found, work) => {
    if (request.headers['if-match'] === undefined) return work(found);
    return turns.run(found.app.id, async () => {
      const row = await findFunction(deps.db, found.row.id);
      await requireMatch(request, async () => row && viewFunction(deps, row));
      return work({ ...found, row: row ?? found.row });
    });
  };
}

function createRoute(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, functions } = deps;

  api.post(
    '/functions',
    {
      config: { action: 'function.create', idempotent: true },
      bodyLimit: BODY_LIMIT_BYTES,
      preValidation: requireTextValues,
      schema: {
        operationId: 'createFunction',
        tags: ['functions'],
        summary: 'Make an app of one function, and deploy it',
        body: CreateFunctionBody,
        response: { 201: DeployedFunctionSchema },
      },
    },
    async (request, reply) => {
      const { actor, body } = request;
      access.require(actor, 'function.create');
      const { name, runtime, code, customDomain = null } = body;
      const settings = { ...settingsOf(body), name, runtime, code };
      const wanted = { ...settings, customDomain, environment: changesOf(body.environment) };
      const context = { by: actor, signal: clientSignal(reply) };
      const { app, warnings } = await functions.create(wanted, context);
      request.audited.app = { id: app.id, name: app.name };
      const [row] = await listFunctionsOfApp(db, app.name);
      const deployed = await present(deps, row, warnings, reply);
      reply.code(201).header('location', `/functions/${deployed.function.id}`);
      return deployed;
    },
  );
}

function updateRoutes(api: ApiInstance, deps: ApiDeps, matching: Matching): void {
  const { db, access, functions } = deps;
  const requireFunction = createRequireFunction(deps);

  async function update(
    { actor, params, body, headers }: UpdateRequest,
    reply: FastifyReply,
  ): Promise<FunctionDeployment> {
    const { app, row } = await requireFunction(actor, 'function.update', params.function);
    if (body.environment !== undefined) {
      await access.requireApp(actor, 'environment.change', app.name);
    }
    if (body.customDomain !== undefined) {
      await access.requireApp(actor, 'domain.change', app.name);
    }
    refuseOtherName(body.name, row);
    const { customDomain = null } = body;
    const environment = changesOf(body.environment);
    const change = { ...settingsOf(body), environment, customDomain };
    const context = { by: actor, signal: clientSignal(reply) };
    const { warnings } = await matching({ headers }, { app, row }, (found) =>
      functions.update(found, change, context),
    );
    return present(deps, await findFunction(db, row.id), warnings, reply);
  }

  for (const { method, operationId, ...once } of [
    { method: 'PUT', operationId: 'updateFunction' },
    { method: 'POST', operationId: 'deployFunction', idempotent: true },
  ] as const) {
    api.route({
      method,
      url: '/functions/:function',
      config: { action: 'function.update', isConditional: true, ...once },
      bodyLimit: BODY_LIMIT_BYTES,
      preValidation: requireTextValues,
      schema: {
        operationId,
        tags: ['functions'],
        summary: 'Deploy a function with other code, settings or values; what is left out stays',
        params: FunctionParams,
        body: UpdateFunctionBody,
        response: { 200: DeployedFunctionSchema },
      },
      handler: update,
    });
  }
}

type ChangeBody = Static<typeof UpdateFunctionBody>;
type UpdateRequest = Pick<FastifyRequest, 'actor' | 'headers'> & {
  params: { function: string };
  body: ChangeBody;
};

function endRoutes(api: ApiInstance, deps: ApiDeps, matching: Matching): void {
  const { db, functions, rollbacks } = deps;
  const requireFunction = createRequireFunction(deps);

  api.delete(
    '/functions/:function',
    {
      config: { action: 'function.delete', isConditional: true },
      schema: {
        operationId: 'deleteFunction',
        tags: ['functions'],
        summary: 'Delete a function, and with it the app that has no other',
        params: FunctionParams,
        response: { 204: Type.Null({ description: 'It is gone, and so is its app' }) },
      },
    },
    async ({ actor, params, headers }, reply) => {
      const found = await requireFunction(actor, 'function.delete', params.function);
      await matching({ headers }, found, (now) => functions.remove(now));
      return reply.code(204).send(null);
    },
  );

  api.post(
    '/functions/:function/rollback',
    {
      config: { action: 'app.rollback', idempotent: true },
      schema: {
        operationId: 'rollbackFunction',
        tags: ['functions'],
        summary: 'Make an earlier version of the function’s app live again',
        params: FunctionParams,
        body: RollbackFunctionBody,
        response: { 200: DeployedFunctionSchema },
      },
    },
    async ({ actor, params, body }, reply) => {
      const found = await requireFunction(actor, 'app.rollback', params.function);
      await requireLived(found, body.version);
      const target = `v${body.version}`;
      await rollbacks.rollback(found.app, { target, hasEnvironment: false }, actor);
      return present(deps, await findFunction(db, found.row.id), [], reply);
    },
  );

  /** @throws PlatformError conflict */
  async function requireLived({ app }: FoundFunction, version: number): Promise<void> {
    const [named] = await listReleasesBelow(db, app.id, { below: version + 1, limit: 1 });
    if (named?.version === version) return;
    const newest = await listReleasesBelow(db, app.id, { below: null, limit: MAX_LISTED_VERSIONS });
    const lived = newest.map((release) => `v${release.version}`);
    throw new PlatformError('conflict', `v${version} of ${app.name} never lived`, {
      hint: `nothing was changed; those that lived: ${lived.join(', ')}`,
    });
  }
}

/** @throws PlatformError not-found when what was deployed has no such function any more */
async function present(
  deps: ApiDeps,
  row: FunctionRow | null | undefined,
  warnings: string[],
  reply: FastifyReply,
): Promise<FunctionDeployment> {
  if (!row) {
    throw new PlatformError(
      'not-found',
      'it was deployed, and production has no such function now',
      {
        hint: 'GET /functions lists what there is',
      },
    );
  }
  const view = tagged(reply, await viewFunction(deps, row));
  return { function: view, message: 'Function deployed successfully', warnings };
}

/** @throws PlatformError conflict */
function refuseOtherName(wanted: string | undefined, row: FunctionRow): void {
  const name = row.siblings === 1 ? row.appName : row.name;
  if (wanted === undefined || wanted === name) return;
  throw new PlatformError('conflict', `${name} cannot be renamed to ${wanted.slice(0, 60)}`, {
    hint: 'nothing was changed; make another function with that name, and delete this one',
  });
}

function settingsOf(body: ChangeBody | Static<typeof CreateFunctionBody>): FunctionSettings {
  const { runtime, code, handler, memory, timeout, triggers, rateLimit } = body;
  return {
    ...(runtime !== undefined && { runtime }),
    ...(code !== undefined && { code }),
    ...(handler !== undefined && { handler }),
    ...(memory !== undefined && { memoryMib: memory }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
    // The build reads them as it reads all of fn.json, and says what it cannot take.
    ...(triggers !== undefined && { triggers: triggers as FunctionSettings['triggers'] & object }),
    ...(rateLimit !== undefined && { rateLimit }),
  };
}

function changesOf(environment: Record<string, string | null> = {}): ValueChange[] {
  return Object.entries(environment).map(([name, value]) => ({ name, value, scope: 'all' }));
}

/**
 * Before the schema, which takes a number for its digits.
 * @throws PlatformError bad-request
 */
async function requireTextValues({ body }: { body: unknown }): Promise<void> {
  const { environment } = (body ?? {}) as { environment?: unknown };
  if (typeof environment !== 'object' || environment === null) return;
  const wrong = Object.entries(environment).find(
    ([, value]) => typeof value !== 'string' && value !== null,
  );
  if (wrong === undefined) return;
  throw new PlatformError('bad-request', `the value of ${wrong[0].slice(0, 40)} is no string`, {
    hint: 'nothing was changed; put it in quotes',
  });
}
