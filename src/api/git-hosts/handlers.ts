import { Type } from 'typebox';
import { PlatformError } from '../../protocol/errors.ts';
import { isPrivateConnection, privateConnectionHint } from '../../protocol/peer.ts';
import type { GitConnection } from '../../store/git-connections.ts';
import { AppParams } from '../apps/schema.ts';
import { cutPage, PageQuery, presentPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentGitHost } from './present.ts';
import {
  ConnectedGitHostSchema,
  GitHostBody,
  GitHostPage,
  GitHostParams,
  HookParams,
  HookSchema,
} from './schema.ts';

const tags = ['git hosts'];
/** GitHub sends up to 25 MB, of pushes with thousands of commits; nothing that is read is behind the first part. */
const MAX_HOOK_BYTES = 5 * 1024 * 1024;

const BY_ID = {
  list: 'listGitHosts',
  keyOf: ({ id }: GitConnection) => [id] as const,
  types: ['string'] as const,
};

export function gitHostRoutes(api: ApiInstance, { access, address, gitHosts }: ApiDeps): void {
  api.get(
    '/apps/:app/git-hosts',
    {
      config: { action: 'git-host.read' },
      schema: {
        operationId: 'listGitHosts',
        tags,
        summary: 'List the repositories elsewhere whose pushes are deployed as an app',
        params: AppParams,
        querystring: PageQuery,
        response: { 200: GitHostPage },
      },
    },
    async ({ actor, params, query }) => {
      const app = await access.requireApp(actor, 'git-host.read', params.app);
      const page = await cutPage(query, BY_ID, await gitHosts.connections.list(app));
      return presentPage(page, (row) => presentGitHost(address, row));
    },
  );

  api.post(
    '/apps/:app/git-hosts',
    {
      config: { action: 'git-host.change', idempotent: true },
      schema: {
        operationId: 'connectGitHost',
        tags,
        summary:
          'Deploy what is pushed to a repository elsewhere; the secret of its webhook is shown this once',
        params: AppParams,
        body: GitHostBody,
        response: { 201: ConnectedGitHostSchema },
      },
    },
    async ({ actor, params, body }, reply) => {
      const app = await access.requireApp(actor, 'git-host.change', params.app);
      const { webhookSecret = null, ...request } = body;
      const made = await gitHosts.connections.create(app, { ...request, webhookSecret }, actor);
      const view = presentGitHost(address, made.row);
      return reply.code(201).send({ ...view, webhookSecret: made.webhookSecret });
    },
  );

  api.delete(
    '/apps/:app/git-hosts/:id',
    {
      config: { action: 'git-host.change' },
      schema: {
        operationId: 'disconnectGitHost',
        tags,
        summary: 'Deploy no more what is pushed to a repository elsewhere',
        params: GitHostParams,
        response: { 204: Type.Null({ description: 'It is disconnected' }) },
      },
    },
    async ({ actor, params }, reply) => {
      const app = await access.requireApp(actor, 'git-host.change', params.app);
      await gitHosts.connections.remove(app, params.id);
      return reply.code(204).send(null);
    },
  );
}

/** In a scope of its own: the signature is of the bytes as they came, so nothing parses them first. */
export function hookRoutes(api: ApiInstance, { address, gitHosts }: ApiDeps): void {
  api.removeAllContentTypeParsers();
  api.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  api.post(
    '/hooks/:connection',
    {
      bodyLimit: MAX_HOOK_BYTES,
      config: { action: null },
      schema: {
        operationId: 'receiveHook',
        tags,
        summary: 'Take in a webhook of a git host, which signs it',
        security: [],
        params: HookParams,
        response: { 202: HookSchema },
      },
    },
    async ({ params, headers, body }, reply) => {
      // GitLab's older form carries the secret itself.
      if (!isPrivateConnection(headers)) throw notPrivate(privateConnectionHint(address));
      const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
      const outcome = await gitHosts.hooks.accept(params.connection, { headers, body: bytes });
      return reply.code(202).send({ outcome });
    },
  );
}

function notPrivate(hint: string): PlatformError {
  return new PlatformError('forbidden', 'webhooks are not accepted over plain http', { hint });
}
