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
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentFunction, presentMetrics } from './present.ts';
import { AppMetricsQuery, AppMetricsSchema, PlatformMetricsSchema } from './schema.ts';

const MAX_LISTED = 100;
const MAX_TOP = 20;

export function metricsRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, metrics } = deps;

  async function deploymentOf(
    app: App,
    { deployment, version }: { deployment?: string; version?: number },
  ): Promise<string | null> {
    const name = version === undefined ? deployment : `v${version}`;
    return name === undefined ? null : (await findDeploymentByName(db, app, name)).id;
  }

  api.get(
    '/apps/:app/metrics',
    {
      config: { action: 'metrics.read' },
      schema: {
        operationId: 'showAppMetrics',
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
      await metrics.flush();
      const found = await findMetrics(db, {
        appIds: [app.id],
        ...(functionName !== undefined && { functionName }),
        ...(deployment !== null && { deployment }),
      });
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
    '/metrics',
    {
      config: { action: 'metrics.read' },
      schema: {
        operationId: 'showMetrics',
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
