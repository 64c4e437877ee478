import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { ConsistencyReportSchema } from './schema.ts';

export function consistencyRoutes(api: ApiInstance, { access, consistency }: ApiDeps): void {
  api.get(
    '/consistency',
    {
      config: { action: 'consistency.read' },
      schema: {
        operationId: 'checkConsistency',
        tags: ['platform'],
        summary: 'Compare refs, rows, bundles, routes and sandboxes, and say what does not agree',
        response: { 200: ConsistencyReportSchema },
      },
    },
    async (request) => {
      access.require(request.actor, 'consistency.read');
      return consistency.check();
    },
  );
}
