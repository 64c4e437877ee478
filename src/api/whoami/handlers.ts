import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { appNamesOf, presentScope } from '../tokens/scope.ts';
import { WhoAmISchema } from './schema.ts';

export function whoAmIRoutes(api: ApiInstance, { db }: ApiDeps): void {
  api.get(
    '/whoami',
    {
      config: { action: null },
      schema: {
        operationId: 'whoAmI',
        tags: ['tokens'],
        summary: 'Show whose token this is',
        response: { 200: WhoAmISchema },
      },
    },
    async ({ actor }) => ({
      tokenId: actor.tokenId,
      name: actor.tokenName,
      ...presentScope(actor, await appNamesOf(db, [actor])),
      expiresAt: actor.expiresAt?.toISOString() ?? null,
    }),
  );
}
