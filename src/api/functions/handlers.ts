import { type FunctionRow, listFunctions } from '../../store/functions.ts';
import type { LogReader } from '../logs/log-reader.ts';
import { readLogTime } from '../logs/log-time.ts';
import { presentLogEntry } from '../logs/present.ts';
import { FunctionLogQuery, LogPageSchema } from '../logs/schema.ts';
import { NOT_MODIFIED, tagged } from '../etag.ts';
import { presentPage, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { functionChangeRoutes } from './changes.ts';
import { createRequireFunction } from './find-function.ts';
import { invokeRoute } from './invoke.ts';
import { presentFunction } from './present.ts';
import {
  FunctionDetailSchema,
  FunctionPageSchema,
  FunctionParams,
  FunctionQuery,
} from './schema.ts';
import { viewFunction } from './view.ts';

const BY_PLACE = {
  list: 'listFunctions',
  keyOf: ({ appName, name }: FunctionRow) => [appName, name] as const,
  types: ['string', 'string'] as const,
};

export function functionRoutes(api: ApiInstance, deps: ApiDeps, logs: LogReader): void {
  readRoutes(api, deps);
  logRoute(api, deps, logs);
  functionChangeRoutes(api, deps);
  invokeRoute(api, deps);
}

function readRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, address } = deps;
  const requireFunction = createRequireFunction(deps);

  api.get(
    '/functions',
    {
      config: { action: 'function.read' },
      schema: {
        operationId: 'listFunctions',
        tags: ['functions'],
        summary: 'List the functions that production of each app serves',
        querystring: FunctionQuery,
        response: { 200: FunctionPageSchema },
      },
    },
    async ({ actor, query }) => {
      const { q, runtime, app } = query;
      const filter = {
        appIds: access.appsFor(actor, 'function.read'),
        ...(app !== undefined && { appName: app }),
        ...(runtime !== undefined && { runtime }),
        ...(q !== undefined && { search: q }),
      };
      const page = await readPage(query, BY_PLACE, (after, limit) =>
        listFunctions(db, filter, { after, limit }),
      );
      return presentPage(page, (row) => presentFunction(address, row));
    },
  );

  api.get(
    '/functions/:function',
    {
      config: { action: 'function.read' },
      schema: {
        operationId: 'getFunction',
        tags: ['functions'],
        summary: 'Show one function',
        params: FunctionParams,
        response: { 200: FunctionDetailSchema, ...NOT_MODIFIED },
      },
    },
    async ({ actor, params }, reply) => {
      const { row } = await requireFunction(actor, 'function.read', params.function);
      return tagged(reply, await viewFunction(deps, row));
    },
  );
}

function logRoute(api: ApiInstance, deps: ApiDeps, logs: LogReader): void {
  const requireFunction = createRequireFunction(deps);

  api.get(
    '/functions/:function/logs',
    {
      config: { action: 'log.read' },
      schema: {
        operationId: 'listFunctionLogs',
        tags: ['functions'],
        summary: 'Read what a function printed, newest first',
        params: FunctionParams,
        querystring: FunctionLogQuery,
        response: { 200: LogPageSchema },
      },
    },
    async ({ actor, params, query }, reply) => {
      const { app, row } = await requireFunction(actor, 'log.read', params.function);
      const { level, since, q, limit, cursor = null } = query;
      const filter = {
        functionName: row.name,
        ...(level !== undefined && { level }),
        ...(since !== undefined && { since: readLogTime(since, deps.now()) }),
        ...(q !== undefined && { search: q }),
      };
      reply.header('x-content-type-options', 'nosniff');
      const { entries, isMore } = await logs.newest(app.id, { filter, before: cursor, limit });
      const next = isMore ? (entries.at(-1)?.id ?? null) : null;
      return { items: entries.map(presentLogEntry), next };
    },
  );
}
