import { AppParams } from '../apps/schema.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentDomain, presentRemoval } from './present.ts';
import {
  DomainBody,
  DomainPage,
  DomainParams,
  DomainRemovalSchema,
  DomainSchema,
} from './schema.ts';

export function domainRoutes(api: ApiInstance, deps: ApiDeps): void {
  readRoutes(api, deps);
  changeRoutes(api, deps);
}

function readRoutes(api: ApiInstance, { access, address, domains }: ApiDeps): void {
  api.get(
    '/apps/:app/domains',
    {
      schema: {
        summary: 'List the domains of an app, and what each still needs',
        params: AppParams,
        response: { 200: DomainPage },
      },
    },
    async ({ actor, params }) => {
      const app = await access.requireApp(actor, 'domain.read', params.app);
      const statuses = await domains.list(app);
      return { items: statuses.map((status) => presentDomain(address, status)) };
    },
  );

  api.get(
    '/apps/:app/domains/:name',
    {
      schema: {
        summary: 'Show one domain',
        params: DomainParams,
        response: { 200: DomainSchema },
      },
    },
    async ({ actor, params }) => {
      const app = await access.requireApp(actor, 'domain.read', params.app);
      return presentDomain(address, await domains.find(app, params.name));
    },
  );
}

function changeRoutes(api: ApiInstance, { access, address, domains, now }: ApiDeps): void {
  api.post(
    '/apps/:app/domains',
    {
      schema: {
        summary: 'Add a domain, or change what one leads to; DNS is asked at once',
        params: AppParams,
        body: DomainBody,
        response: { 201: DomainSchema },
      },
    },
    async ({ actor, params, body }, reply) => {
      const app = await access.requireApp(actor, 'domain.change', params.app);
      const { name, branch = null, redirectTo = null } = body;
      const status = await domains.add(app, { name, branch, redirectTo }, actor);
      return reply.code(201).send(presentDomain(address, status));
    },
  );

  api.post(
    '/apps/:app/domains/:name/verify',
    {
      schema: {
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
      schema: {
        summary: 'Remove a domain: it answers no more at once',
        params: DomainParams,
        response: { 200: DomainRemovalSchema },
      },
    },
    async ({ actor, params }) => {
      const app = await access.requireApp(actor, 'domain.change', params.app);
      return presentRemoval(await domains.remove(app, params.name), now());
    },
  );
}
