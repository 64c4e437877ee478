import { Type } from 'typebox';
import { type App, listAppsAfter } from '../../store/apps.ts';
import { findLive } from '../../store/routes.ts';
import { presentPage, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentApp } from './present.ts';
import { AppPage, AppParams, AppQuery, AppSchema } from './schema.ts';

const BY_NAME = {
  list: 'listApps',
  keyOf: ({ name }: App) => [name] as const,
  types: ['string'] as const,
};

export function appRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, address, lives } = deps;

  api.get(
    '/apps',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'listApps',
        tags: ['apps'],
        summary: 'List the apps that the token can see, by name',
        querystring: AppQuery,
        response: { 200: AppPage },
      },
    },
    async ({ actor, query }) => {
      const page = await readPage(query, BY_NAME, (after, limit) =>
        listAppsAfter(db, {
          ids: access.appsFor(actor, 'app.read'),
          q: query.q ?? '',
          after: after?.[0] ?? null,
          limit,
        }),
      );
      const ids = page.items.map(({ id }) => id);
      const live = await findLive(db, ids);
      return presentPage(page, (app) => presentApp(address, app, live.get(app.id)));
    },
  );

  api.get(
    '/apps/:app',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'getApp',
        tags: ['apps'],
        summary: 'Show one app',
        params: AppParams,
        response: { 200: AppSchema },
      },
    },
    async ({ actor, params }) => {
      const app = await access.requireApp(actor, 'app.read', params.app);
      const live = await findLive(db, [app.id]);
      return presentApp(address, app, live.get(app.id));
    },
  );

  api.delete(
    '/apps/:app',
    {
      config: { action: 'app.delete' },
      schema: {
        operationId: 'deleteApp',
        tags: ['apps'],
        summary: 'Delete an app with all that is its own',
        params: AppParams,
        response: { 204: Type.Null({ description: 'It is gone, and its name is free' }) },
      },
    },
    async ({ actor, params }, reply) => {
      await lives.end(await access.requireApp(actor, 'app.delete', params.app));
      return reply.code(204).send(null);
    },
  );
}
