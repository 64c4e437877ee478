import { Type } from 'typebox';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { PROMETHEUS_TYPE, prometheusText } from './prometheus.ts';

export function prometheusRoute(api: ApiInstance, { access, readMetrics }: ApiDeps): void {
  api.get(
    '/metrics/prometheus',
    {
      config: { action: 'platform-metrics.read' },
      schema: {
        operationId: 'getPrometheusMetrics',
        tags: ['metrics'],
        summary: 'The figures of the platform in the text format of Prometheus',
        response: {
          200: {
            description: 'Text, version 0.0.4 of the format',
            content: { 'text/plain': { schema: Type.String() } },
          },
        },
      },
    },
    async ({ actor }, reply) => {
      access.require(actor, 'platform-metrics.read');
      return reply.type(PROMETHEUS_TYPE).send(prometheusText(await readMetrics()));
    },
  );
}
