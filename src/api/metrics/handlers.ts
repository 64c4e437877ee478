import type { App } from '../../store/apps.ts';
import { findDeploymentByName } from '../../store/deployment-names.ts';
import {
  countServing,
  emptyMetrics,
  findMetrics,
  type FoundMetrics,
  type FunctionMetrics,
  mergeMetrics,
} from '../../store/metrics.ts';
import { AppParams } from '../apps/schema.ts';
import { createRequireFunction } from '../functions/find-function.ts';
import { FunctionParams } from '../functions/schema.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { prometheusRoute } from './prometheus-route.ts';
import { presentFunction, presentMetrics } from './present.ts';
import {
  AppMetricsQuery,
  AppMetricsSchema,
  FunctionMetricsQuery,
  FunctionMetricsSchema,
  PlatformMetricsSchema,
} from './schema.ts';

const MAX_LISTED = 100;
const MAX_TOP = 20;

export function metricsRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, metrics } = deps;
  const requireFunction = createRequireFunction(deps);
  prometheusRoute(api, deps);

  async function deploymentOf(
    app: App,
    { deployment, version }: { deployment?: string; version?: number },
  ): Promise<string | null> {
    const name = version === undefined ? deployment : `v${version}`;
    return name === undefined ? null : (await findDeploymentByName(db, app, name)).id;
  }

  async function read(
    app: App,
    { functionName, deployment }: { functionName: string | undefined; deployment: string | null },
  ): Promise<FoundMetrics[]> {
    await metrics.flush();
    return findMetrics(db, {
      appIds: [app.id],
      ...(functionName !== undefined && { functionName }),
      ...(deployment !== null && { deployment }),
    });
  }

  api.get(
    '/apps/:app/metrics',
    {
      config: { action: 'metrics.read' },
      schema: {
        operationId: 'getAppMetrics',
        tags: ['metrics'],
        summary: 'What the functions of an app have had',
        params: AppParams,
        querystring: AppMetricsQuery,
        response: { 200: AppMetricsSchema },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'metrics.read', request.params.app);
      const { function: functionName, ...named } = request.query;
      const deployment = await deploymentOf(app, named);
      const found = await read(app, { functionName, deployment });
      return {
        app: app.name,
        function: functionName ?? null,
        deployment,
        metrics: presentMetrics(sumOf(found)),
        functions: found.slice(0, MAX_LISTED).map(presentFunction),
      };
    },
  );

  api.get(
    '/functions/:function/metrics',
    {
      config: { action: 'metrics.read' },
      schema: {
        operationId: 'getFunctionMetrics',
        tags: ['metrics'],
        summary: 'What a function has had, in all its deployments or in one',
        params: FunctionParams,
        querystring: FunctionMetricsQuery,
        response: { 200: FunctionMetricsSchema },
      },
    },
    async ({ actor, params, query }) => {
      const { app, row } = await requireFunction(actor, 'metrics.read', params.function);
      const deployment = await deploymentOf(app, query);
      const found = await read(app, { functionName: row.name, deployment });
      return { functionId: row.id, metrics: presentMetrics(sumOf(found)) };
    },
  );

  api.get(
    '/metrics',
    {
      config: { action: 'metrics.read' },
      schema: {
        operationId: 'getPlatformMetrics',
        tags: ['metrics'],
        summary: 'What all functions that the token may see have had, and what runs',
        response: { 200: PlatformMetricsSchema },
      },
    },
    async (request) => {
      const appIds = access.appsFor(request.actor, 'metrics.read');
      await metrics.flush();
      const [found, serving, running] = await Promise.all([
        findMetrics(db, { appIds }),
        countServing(db, appIds),
        appIds === null ? metrics.running() : null,
      ]);
      return {
        metrics: presentMetrics(sumOf(found)),
        ...serving,
        functions: found.length,
        running,
        top: found.slice(0, MAX_TOP).map(presentFunction),
      };
    },
  );
}

function sumOf(found: readonly FoundMetrics[]): FunctionMetrics {
  const sum = emptyMetrics();
  for (const one of found) mergeMetrics(sum, one);
  return sum;
}
