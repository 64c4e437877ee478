import type { AppView } from '../../protocol/control-api.ts';
import { listApps, type App } from '../../store/apps.ts';
import { findDeployment } from '../../store/deployments.ts';
import { findRoute, PRODUCTION_ROUTE } from '../../store/routes.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentApp } from './present.ts';
import { AppPage, AppParams, AppSchema } from './schema.ts';

export function appRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, address } = deps;

  async function view(app: App): Promise<AppView> {
    const id = await findRoute(db, app.id, PRODUCTION_ROUTE);
    return presentApp(address, app, id === null ? null : await findDeployment(db, id));
  }

  api.get(
    '/apps',
    { schema: { summary: 'List the apps that the token can see', response: { 200: AppPage } } },
    async (request) => {
      const apps = await listApps(db, request.actor.appIds);
      return { items: await Promise.all(apps.map(view)) };
    },
  );

  api.get(
    '/apps/:app',
    { schema: { summary: 'Show one app', params: AppParams, response: { 200: AppSchema } } },
    async (request) => view(await access.requireApp(request.actor, 'app.read', request.params.app)),
  );
}
