import { AppParams } from '../apps/schema.ts';
import type { AppDomainStatus, DomainStatus } from '../../domains/index.ts';
import { KeyedMutex } from '../../std/mutex.ts';
import { NOT_MODIFIED, requireMatch, tagged } from '../etag.ts';
import { cutPage, presentPage, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentDomain, presentRemoval } from './present.ts';
import {
  AppDomainPage,
  DomainBody,
  DomainPage,
  DomainParams,
  DomainQuery,
  DomainRemovalSchema,
  DomainSchema,
} from './schema.ts';

const BY_NAME = {
  list: 'listDomains',
  keyOf: ({ domain }: DomainStatus) => [domain.name] as const,
  types: ['string'] as const,
};

const BY_APP = {
  list: 'listAllDomains',
  keyOf: ({ appName, status }: AppDomainStatus) => [appName, status.domain.name] as const,
  types: ['string', 'string'] as const,
};

export function domainRoutes(api: ApiInstance, deps: ApiDeps): void {
  readRoutes(api, deps);
  changeRoutes(api, deps);
}

function readRoutes(api: ApiInstance, { access, address, domains }: ApiDeps): void {
  api.get(
    '/domains',
    {
      config: { action: 'domain.read' },
      schema: {
        operationId: 'listAllDomains',
        tags: ['domains'],
        summary: 'List the domains of all apps that the token may see',
        querystring: DomainQuery,
        response: { 200: AppDomainPage },
      },
    },
    async ({ actor, query }) => {
      const { state } = query;
      const appIds = access.appsFor(actor, 'domain.read');
      const filter = { appIds, ...(state !== undefined && { state }) };
      const page = await readPage(query, BY_APP, (after, limit) =>
        domains.listOfApps(filter, { after, limit }),
      );
      return presentPage(page, ({ appName, status }) => ({
        app: appName,
        ...presentDomain(address, status),
      }));
    },
  );

  api.get(
    '/apps/:app/domains',
    {
      config: { action: 'domain.read' },
      schema: {
        operationId: 'listDomains',
        tags: ['domains'],
        summary: 'List the domains of an app, and what each still needs',
        params: AppParams,
        querystring: DomainQuery,
        response: { 200: DomainPage },
      },
    },
    async ({ actor, params, query }) => {
      const app = await access.requireApp(actor, 'domain.read', params.app);
      const statuses = (await domains.list(app)).filter(
        ({ domain }) => query.state === undefined || domain.state === query.state,
      );
      const page = await cutPage(query, BY_NAME, statuses);
      return presentPage(page, (status) => presentDomain(address, status));
    },
  );

  api.get(
    '/apps/:app/domains/:name',
    {
      config: { action: 'domain.read' },
      schema: {
        operationId: 'getDomain',
        tags: ['domains'],
        summary: 'Show one domain',
        params: DomainParams,
        response: { 200: DomainSchema, ...NOT_MODIFIED },
      },
    },
    async ({ actor, params }, reply) => {
      const app = await access.requireApp(actor, 'domain.read', params.app);
      return tagged(reply, presentDomain(address, await domains.find(app, params.name)));
    },
  );
}

function changeRoutes(api: ApiInstance, { access, address, domains, now }: ApiDeps): void {
  /** So that nothing comes between what `If-Match` is asked of and the change. */
  const turns = new KeyedMutex();

  api.post(
    '/apps/:app/domains',
    {
      config: { action: 'domain.change', idempotent: true },
      schema: {
        operationId: 'addDomain',
        tags: ['domains'],
        summary: 'Add a domain, or change what one leads to; DNS is asked at once',
        params: AppParams,
        body: DomainBody,
        response: { 201: DomainSchema },
      },
    },
    async ({ actor, params, body }, reply) => {
      const app = await access.requireApp(actor, 'domain.change', params.app);
      const { name, branch = null, redirectTo = null } = body;
      const status = await turns.run(app.id, () =>
        domains.add(app, { name, branch, redirectTo }, actor),
      );
      return reply.code(201).send(presentDomain(address, status));
    },
  );

  api.post(
    '/apps/:app/domains/:name/verify',
    {
      config: { action: 'domain.change' },
      schema: {
        operationId: 'verifyDomain',
        tags: ['domains'],
        summary: 'Ask DNS now whether a domain is proved and leads here',
        params: DomainParams,
        response: { 200: DomainSchema },
      },
    },
    async ({ actor, params }) => {
      const app = await access.requireApp(actor, 'domain.change', params.app);
      return presentDomain(address, await domains.verify(app, params.name));
    },
  );

  api.delete(
    '/apps/:app/domains/:name',
    {
      config: { action: 'domain.change', isConditional: true },
      schema: {
        operationId: 'removeDomain',
        tags: ['domains'],
        summary: 'Remove a domain: it answers no more at once',
        params: DomainParams,
        response: { 200: DomainRemovalSchema },
      },
    },
    async (request) => {
      const { actor, params } = request;
      const app = await access.requireApp(actor, 'domain.change', params.app);
      return turns.run(app.id, async () => {
        await requireMatch(request, async () =>
          presentDomain(address, await domains.find(app, params.name)),
        );
        return presentRemoval(await domains.remove(app, params.name), now());
      });
    },
  );
}
