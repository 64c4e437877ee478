import type { FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import type { Actor } from '../../access/index.ts';
import { parseScope, type Scope, type ValueChange } from '../../model/environment.ts';
import type { Environment, EnvironmentResult } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { systemClock } from '../../std/clock.ts';
import type { App } from '../../store/apps.ts';
import { type EnvironmentVersionRow, listEnvironmentVersions } from '../../store/environment.ts';
import { AppParams } from '../apps/schema.ts';
import { KeyedMutex } from '../../std/mutex.ts';
import { NOT_MODIFIED, requireMatch, tagged } from '../etag.ts';
import { PageQuery, presentPage, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import {
  presentChange,
  presentEnvironment,
  presentEnvironmentVersion,
  withoutValues,
} from './present.ts';
import {
  EnvironmentNameParams,
  EnvironmentPatchBody,
  EnvironmentPutBody,
  EnvironmentQuery,
  EnvironmentResultSchema,
  EnvironmentSchema,
  EnvironmentScopeQuery,
  EnvironmentVersionPage,
} from './schema.ts';

/** For a whole environment as JSON, and for telling which value of one that is too large is to blame. */
const BODY_LIMIT_BYTES = 4 * 1024 * 1024;

const NEWEST_FIRST = {
  list: 'listEnvironmentVersions',
  keyOf: ({ version }: EnvironmentVersionRow) => [version] as const,
  types: ['number'] as const,
};

export function environmentRoutes(api: ApiInstance, deps: ApiDeps): void {
  readRoutes(api, deps);
  changeRoutes(api, deps);
}

async function viewOf(
  { access, vault }: ApiDeps,
  { actor, app, version }: { actor: Actor; app: App; version: number | null },
): Promise<Environment> {
  const view = presentEnvironment(await vault.describe(app.id, version));
  return access.may(actor, 'environment.read', app) ? view : withoutValues(view);
}

function readRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access } = deps;

  api.get(
    '/apps/:app/environment',
    {
      config: { action: 'environment.list' },
      schema: {
        operationId: 'getEnvironment',
        tags: ['environment'],
        summary: 'List the environment; secrets without their values',
        params: AppParams,
        querystring: EnvironmentQuery,
        response: { 200: EnvironmentSchema, ...NOT_MODIFIED },
      },
    },
    async (request, reply) => {
      const { actor, params, query } = request;
      const app = await access.requireApp(actor, 'environment.list', params.app);
      return tagged(reply, await viewOf(deps, { actor, app, version: query.version ?? null }));
    },
  );

  api.get(
    '/apps/:app/environment/versions',
    {
      config: { action: 'environment.list' },
      schema: {
        operationId: 'listEnvironmentVersions',
        tags: ['environment'],
        summary: 'List the versions of the environment and what each changed, newest first',
        params: AppParams,
        querystring: PageQuery,
        response: { 200: EnvironmentVersionPage },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'environment.list', request.params.app);
      const page = await readPage(request.query, NEWEST_FIRST, (after, limit) =>
        listEnvironmentVersions(db, app.id, { below: after?.[0] ?? null, limit }),
      );
      return presentPage(page, presentEnvironmentVersion);
    },
  );
}

function changeRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { access, address, environmentChanges } = deps;
  /** So that nothing comes between what `If-Match` is asked of and the change. */
  const turns = new KeyedMutex();

  async function change(
    request: Pick<FastifyRequest, 'actor' | 'headers'>,
    appName: string,
    changes: ValueChange[],
  ): Promise<EnvironmentResult> {
    const { actor } = request;
    const beganAt = systemClock.monotonicMs();
    const app = await access.requireApp(actor, 'environment.change', appName);
    const changed = await turns.run(app.id, async () => {
      await requireMatch(request, () => viewOf(deps, { actor, app, version: null }));
      return environmentChanges.change(app, changes, actor);
    });
    return presentChange(address, app, {
      changed,
      elapsedMs: systemClock.monotonicMs() - beganAt,
    });
  }

  api.patch(
    '/apps/:app/environment',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      preValidation: requireText,
      config: { action: 'environment.change', isConditional: true },
      schema: {
        operationId: 'changeEnvironment',
        tags: ['environment'],
        summary: 'Set and unset values: all of them, as one version, or none',
        params: AppParams,
        body: EnvironmentPatchBody,
        response: { 200: EnvironmentResultSchema },
      },
    },
    async (request) => {
      const { params, body } = request;
      const unset = (body.unset ?? []).map(({ name, scope }) => toRemoval(name, scope));
      const set = (body.set ?? []).map(({ name, ...put }) => toChange(name, put));
      return change(request, params.app, [...unset, ...set]);
    },
  );

  api.put(
    '/apps/:app/environment/:name',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      preValidation: requireText,
      config: { action: 'environment.change', isConditional: true },
      schema: {
        operationId: 'setEnvironmentValue',
        tags: ['environment'],
        summary: 'Set one value',
        params: EnvironmentNameParams,
        body: EnvironmentPutBody,
        response: { 200: EnvironmentResultSchema },
      },
    },
    async (request) =>
      change(request, request.params.app, [toChange(request.params.name, request.body)]),
  );

  api.delete(
    '/apps/:app/environment/:name',
    {
      config: { action: 'environment.change', isConditional: true },
      schema: {
        operationId: 'unsetEnvironmentValue',
        tags: ['environment'],
        summary: 'Unset one value',
        params: EnvironmentNameParams,
        querystring: EnvironmentScopeQuery,
        response: { 200: EnvironmentResultSchema },
      },
    },
    async (request) =>
      change(request, request.params.app, [toRemoval(request.params.name, request.query.scope)]),
  );
}

/**
 * Before the schema, which takes a number for its digits and null for nothing: whoever sends null for a value may want
 * it removed, and would not notice that it is empty now.
 * @throws PlatformError bad-request
 */
async function requireText({ body }: { body: unknown }): Promise<void> {
  const { set } = (body ?? {}) as { set?: unknown };
  for (const put of [body, ...(Array.isArray(set) ? (set as unknown[]) : [])]) {
    if (typeof put !== 'object' || put === null || !('value' in put)) continue;
    if (typeof put.value === 'string') continue;
    throw new PlatformError('bad-request', 'a value is no string', {
      hint: 'nothing was changed; put it in quotes, or name it under "unset" to remove it',
    });
  }
}

function toChange(
  name: string,
  { value, scope, kind, build }: Static<typeof EnvironmentPutBody>,
): ValueChange {
  return { name, scope: readScope(scope), value, kind, isBuild: build };
}

function toRemoval(name: string, scope: string | undefined): ValueChange {
  return { name, scope: readScope(scope), value: null };
}

/** @throws PlatformError bad-request */
function readScope(text: string | undefined): Scope {
  const scope = parseScope(text ?? 'all');
  if (scope !== null) return scope;
  throw new PlatformError('bad-request', `"${text?.slice(0, 60)}" is no scope`, {
    hint: 'nothing was changed; a scope is all, production, preview or branch:NAME',
  });
}
