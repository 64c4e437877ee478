import type { TokenRow } from '../../store/tokens.ts';
import { namesOfApps } from '../../store/apps.ts';
import { cutPage, PageQuery, presentPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentToken } from './present.ts';
import { Type } from 'typebox';
import { CreatedTokenSchema, TokenBody, TokenPage, TokenParams } from './schema.ts';

const OLDEST_FIRST = {
  list: 'listTokens',
  keyOf: ({ createdAt, id }: TokenRow) => [createdAt.getTime(), id] as const,
  types: ['number', 'string'] as const,
};

export function tokenRoutes(api: ApiInstance, { db, access }: ApiDeps): void {
  const view = async (row: TokenRow) => presentToken(row, await namesOfApps(db, row.appIds));

  api.get(
    '/tokens',
    {
      config: { action: 'token.read' },
      schema: {
        operationId: 'listTokens',
        tags: ['tokens'],
        summary: 'List all tokens',
        querystring: PageQuery,
        response: { 200: TokenPage },
      },
    },
    async (request) => {
      access.require(request.actor, 'token.read');
      return presentPage(
        await cutPage(request.query, OLDEST_FIRST, await access.listTokens()),
        view,
      );
    },
  );

  api.post(
    '/tokens',
    {
      config: { action: 'token.create' },
      schema: {
        operationId: 'createToken',
        tags: ['tokens'],
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
    {
      config: { action: 'token.revoke' },
      schema: {
        operationId: 'revokeToken',
        tags: ['tokens'],
        summary: 'Revoke a token at once',
        params: TokenParams,
        response: { 204: Type.Null({ description: 'It is revoked' }) },
      },
    },
    async (request, reply) => {
      access.require(request.actor, 'token.revoke');
      await access.revokeToken(request.params.id);
      return reply.code(204).send(null);
    },
  );
}
