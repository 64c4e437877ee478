import { listFunctions } from '../../store/functions.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { createRequireFunction } from './find-function.ts';
import { cursorBehind, readCursor } from './page.ts';
import { presentFunction, presentFunctionDetail } from './present.ts';
import {
  FunctionDetailSchema,
  FunctionPageSchema,
  FunctionParams,
  FunctionQuery,
} from './schema.ts';

export function functionRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, address, vault } = deps;
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
      const { q, runtime, app, limit, cursor } = query;
      const filter = {
        appIds: access.appsFor(actor, 'function.read'),
        ...(app !== undefined && { appName: app }),
        ...(runtime !== undefined && { runtime }),
        ...(q !== undefined && { search: q }),
      };
      // One more than is shown tells whether there is another page.
      const page = { after: readCursor(cursor), limit: limit + 1 };
      const rows = await listFunctions(db, filter, page);
      const shown = rows.slice(0, limit);
      const last = rows.length > limit ? shown.at(-1) : undefined;
      return {
        items: shown.map((row) => presentFunction(address, row)),
        next: last === undefined ? null : cursorBehind(last),
      };
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
        response: { 200: FunctionDetailSchema },
      },
    },
    async ({ actor, params }) => {
      const { row } = await requireFunction(actor, 'function.read', params.function);
      const { entries } = await vault.describe(row.appId, null);
      const names = entries
        .filter(({ scope }) => scope === 'all' || scope === 'production')
        .map(({ name }) => name);
      return presentFunctionDetail(address, row, [...new Set(names)].sort());
    },
  );
}
