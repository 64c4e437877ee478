import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Token } from '../../protocol/control-client.generated.ts';
import type { TokenRow } from '../../store/tokens.ts';
import { dateOf, PageQuery, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentToken, presentTokens } from './present.ts';
import {
  CreatedTokenSchema,
  RevokeQuery,
  TokenBody,
  TokenPage,
  TokenParams,
  TokenSchema,
} from './schema.ts';

const tags = ['tokens'];

const OLDEST_FIRST = {
  list: 'listTokens',
  keyOf: ({ createdAt, id }: TokenRow) => [createdAt.getTime(), id] as const,
  types: ['number', 'string'] as const,
};

export function tokenRoutes(api: ApiInstance, deps: ApiDeps): void {
  readRoutes(api, deps);
  changeRoutes(api, deps);
}

function readRoutes(api: ApiInstance, { db, access }: ApiDeps): void {
  api.get(
    '/tokens',
    {
      config: { action: 'token.read' },
      schema: {
        operationId: 'listTokens',
        tags,
        summary: 'List all tokens, or those confined to apps that the token administers',
        querystring: PageQuery,
        response: { 200: TokenPage },
      },
    },
    async ({ actor, query }) => {
      const page = await readPage(query, OLDEST_FIRST, (place, limit) => {
        const after = place && { createdAt: dateOf(place[0]), id: place[1] };
        return access.tokens.list(actor, { after, limit });
      });
      return { items: await presentTokens(db, page.items), next: page.next };
    },
  );

  api.get(
    '/tokens/:id',
    {
      config: { action: 'token.read' },
      schema: {
        operationId: 'getToken',
        tags,
        summary: 'Show a token, without its text',
        params: TokenParams,
        response: { 200: TokenSchema },
      },
    },
    async ({ actor, params }) => presentToken(db, await access.tokens.find(actor, params.id)),
  );
}

function changeRoutes(api: ApiInstance, { db, access }: ApiDeps): void {
  api.post(
    '/tokens',
    {
      config: { action: 'token.create', idempotent: true },
      schema: {
        operationId: 'createToken',
        tags,
        summary: 'Create a token; its text is shown this once',
        body: TokenBody,
        response: { 201: CreatedTokenSchema },
      },
    },
    async (request, reply) => {
      const { name, kind = 'personal', role, apps, grants, can, expiresInSeconds } = request.body;
      const { token, row } = await access.tokens.create(request.actor, {
        name,
        kind,
        role,
        apps,
        grants,
        actions: can,
        expiresInSeconds,
      });
      const view = await presentToken(db, row);
      noteApp(request, row, view);
      return reply.code(201).send({ ...view, token });
    },
  );

  api.delete(
    '/tokens/:id',
    {
      config: { action: 'token.revoke' },
      schema: {
        operationId: 'revokeToken',
        tags,
        summary: 'Revoke a token at once; the last admin only with lastAdmin=true',
        params: TokenParams,
        querystring: RevokeQuery,
        response: { 204: Type.Null({ description: 'It is revoked' }) },
      },
    },
    async (request, reply) => {
      const { actor, params, query } = request;
      const row = await access.tokens.find(actor, params.id);
      noteApp(request, row, await presentToken(db, row));
      await access.tokens.revoke(actor, params.id, query.lastAdmin === true);
      return reply.code(204).send(null);
    },
  );
}

/** What is done to a token of one app stands in the audit log of that app. */
function noteApp(request: FastifyRequest, { grants }: TokenRow, { apps }: Token): void {
  const [id] = grants.map(({ appId }) => appId);
  const [name] = apps ?? [];
  if (grants.length === 1 && id && name !== undefined) request.audited.app = { id, name };
}
