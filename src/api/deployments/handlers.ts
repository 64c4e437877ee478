import { listDeployments } from '../../store/deployments.ts';
import { AppParams } from '../apps/schema.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentDeployment } from './present.ts';
import { DeploymentPage, DeploymentQuery, RollbackBody, RollbackSchema } from './schema.ts';

export function deploymentRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, address, rollbacks } = deps;

  api.get(
    '/apps/:app/deployments',
    {
      schema: {
        summary: 'List deployments, newest first',
        params: AppParams,
        querystring: DeploymentQuery,
        response: { 200: DeploymentPage },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.read', request.params.app);
      const deployments = await listDeployments(db, app.id, request.query.limit);
      return {
        items: deployments.map((deployment) => presentDeployment(address, app, deployment)),
      };
    },
  );

  api.post(
    '/apps/:app/rollback',
    {
      schema: {
        summary: 'Make an earlier release live again, as a new version',
        params: AppParams,
        body: RollbackBody,
        response: { 200: RollbackSchema },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.rollback', request.params.app);
      const target = request.body.target ?? null;
      const released = await rollbacks.rollback(app, target, request.actor);
      const { deployment, elapsedMs } = released;
      return {
        deployment: presentDeployment(address, app, deployment),
        environmentVersion: deployment.envVersion,
        elapsedMs,
      };
    },
  );
}
