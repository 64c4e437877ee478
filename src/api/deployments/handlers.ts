import { findBundle } from '../../store/builds.ts';
import { findDeploymentByName, findDeploymentFacts } from '../../store/deployment-names.ts';
import { listDeployments } from '../../store/deployments.ts';
import { AppParams } from '../apps/schema.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentAgain, presentDeployment, presentDetail } from './present.ts';
import {
  DeploymentDetailSchema,
  DeploymentPage,
  DeploymentParams,
  DeploymentQuery,
  RedeployBody,
  RollbackBody,
  RollbackSchema,
} from './schema.ts';

export function deploymentRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, address, rollbacks, redeploys } = deps;

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

  api.get(
    '/apps/:app/deployments/:deployment',
    {
      schema: {
        summary: 'Show one deployment: by id, version, branch, tag or commit',
        params: DeploymentParams,
        response: { 200: DeploymentDetailSchema },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.read', request.params.app);
      const deployment = await findDeploymentByName(db, app, request.params.deployment);
      const facts = await findDeploymentFacts(db, deployment.id);
      const bundle = deployment.bundle && (await findBundle(db, app.id, deployment.bundle));
      return presentDetail(address, app, { deployment, facts, bundle: bundle || null });
    },
  );

  api.post(
    '/apps/:app/redeploy',
    {
      schema: {
        summary: 'Deploy a bundle again with the environment of now, as a new version',
        params: AppParams,
        body: RedeployBody,
        response: { 200: RollbackSchema },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.redeploy', request.params.app);
      const target = request.body.target ?? null;
      return presentAgain(address, app, await redeploys.redeploy(app, target, request.actor));
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
      const { target = null, withEnvironment = false } = request.body;
      const rollback = { target, hasEnvironment: withEnvironment };
      return presentAgain(address, app, await rollbacks.rollback(app, rollback, request.actor));
    },
  );
}
