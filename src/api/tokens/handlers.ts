import type { TokenRow } from '../../store/tokens.ts';
import { namesOfApps } from '../../store/apps.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentToken } from './present.ts';
import { CreatedTokenSchema, TokenBody, TokenPage, TokenParams } from './schema.ts';

export function tokenRoutes(api: ApiInstance, { db, access }: ApiDeps): void {
  const view = async (row: TokenRow) => presentToken(row, await namesOfApps(db, row.appIds));

  api.get(
    '/tokens',
    { schema: { summary: 'List all tokens', response: { 200: TokenPage } } },
    async (request) => {
      access.require(request.actor, 'token.read');
      return { items: await Promise.all((await access.listTokens()).map(view)) };
    },
  );

  api.post(
    '/tokens',
    {
      schema: {
        summary: 'Create a token; its text is shown this once',
        body: TokenBody,
        response: { 201: CreatedTokenSchema },
      },
    },
    async (request, reply) => {
      access.require(request.actor, 'token.create');
      const { name, role, apps, expiresInSeconds } = request.body;
      const { token, row } = await access.createToken({
        name,
        role,
        appNames: apps ?? null,
        expiresInSeconds: expiresInSeconds ?? null,
      });
      return reply.code(201).send({ ...(await view(row)), token });
    },
  );

  api.delete(
    '/tokens/:id',
    { schema: { summary: 'Revoke a token at once', params: TokenParams } },
    async (request, reply) => {
      access.require(request.actor, 'token.revoke');
      await access.revokeToken(request.params.id);
      return reply.code(204).send();
    },
  );
}
