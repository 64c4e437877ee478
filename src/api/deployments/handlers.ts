import { findBundle } from '../../store/builds.ts';
import { findDeploymentByName, findDeploymentFacts } from '../../store/deployment-names.ts';
import { type Deployment, listDeployments } from '../../store/deployments.ts';
import { AppParams } from '../apps/schema.ts';
import { presentPage, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentAgain, presentDeployment, presentDetail } from './present.ts';
import { releaseListRoute } from './releases.ts';
import {
  DeploymentDetailSchema,
  DeploymentPage,
  DeploymentParams,
  DeploymentQuery,
  PromoteBody,
  PromotionSchema,
  RedeployBody,
  RollbackBody,
  RollbackSchema,
} from './schema.ts';

const NEWEST_FIRST = {
  list: 'listDeployments',
  // The query lists those that have one.
  keyOf: ({ version }: Deployment) => [version ?? 0] as const,
  types: ['number'] as const,
};

export function deploymentRoutes(api: ApiInstance, deps: ApiDeps): void {
  readRoutes(api, deps);
  releaseListRoute(api, deps);
  releaseRoutes(api, deps);
}

function readRoutes(api: ApiInstance, { db, access, address }: ApiDeps): void {
  api.get(
    '/apps/:app/deployments',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'listDeployments',
        tags: ['deployments'],
        summary: 'List deployments, newest first',
        params: AppParams,
        querystring: DeploymentQuery,
        response: { 200: DeploymentPage },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.read', request.params.app);
      const { state, kind, ref } = request.query;
      const page = await readPage(request.query, NEWEST_FIRST, (after, limit) =>
        listDeployments(db, app.id, { state, kind, ref, below: after?.[0], limit }),
      );
      return presentPage(page, (deployment) => presentDeployment(address, app, deployment));
    },
  );

  api.get(
    '/apps/:app/deployments/:deployment',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'getDeployment',
        tags: ['deployments'],
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
}

function releaseRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { access, address, rollbacks, redeploys, promotions } = deps;

  api.post(
    '/apps/:app/promote',
    {
      config: { action: 'app.promote', idempotent: true },
      schema: {
        operationId: 'promote',
        tags: ['deployments'],
        summary: "Deploy a preview's bundle to production, with the environment of production",
        params: AppParams,
        body: PromoteBody,
        response: { 200: PromotionSchema },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.promote', request.params.app);
      const promoted = await promotions.promote(app, request.body.target, request.actor);
      return { ...presentAgain(address, app, promoted), lines: promoted.lines };
    },
  );

  api.post(
    '/apps/:app/redeploy',
    {
      config: { action: 'app.redeploy', idempotent: true },
      schema: {
        operationId: 'redeploy',
        tags: ['deployments'],
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
      config: { action: 'app.rollback', idempotent: true },
      schema: {
        operationId: 'rollback',
        tags: ['deployments'],
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
