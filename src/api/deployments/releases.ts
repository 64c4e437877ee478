import { listReleasesBelow, type Release } from '../../store/releases.ts';
import { AppParams } from '../apps/schema.ts';
import { PageQuery, presentPage, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentRelease } from './present.ts';
import { ReleasePage } from './schema.ts';

const NEWEST_FIRST = {
  list: 'listReleases',
  keyOf: ({ version }: Release) => [version] as const,
  types: ['number'] as const,
};

export function releaseListRoute(api: ApiInstance, { db, access }: ApiDeps): void {
  api.get(
    '/apps/:app/releases',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'listReleases',
        tags: ['deployments'],
        summary: 'List what production served, newest first',
        params: AppParams,
        querystring: PageQuery,
        response: { 200: ReleasePage },
      },
    },
    async ({ actor, params, query }) => {
      const app = await access.requireApp(actor, 'app.read', params.app);
      const page = await readPage(query, NEWEST_FIRST, (after, limit) =>
        listReleasesBelow(db, app.id, { below: after?.[0] ?? null, limit }),
      );
      return presentPage(page, presentRelease);
    },
  );
}
