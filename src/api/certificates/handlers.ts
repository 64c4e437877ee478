import { Type } from 'typebox';
import type { Actor } from '../../access/index.ts';
import type { Certificate } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { App } from '../../store/apps.ts';
import { findApp, listApps } from '../../store/apps.ts';
import type { CertificateRow } from '../../store/certificates.ts';
import { cutPage, PageQuery } from '../paging.ts';
import type { ApiDeps, CertificatesForApi } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentRow, presentStatus } from './present.ts';
import {
  AuthoritySchema,
  CertificateBody,
  CertificatePage,
  CertificateParams,
  UploadedCertificateSchema,
} from './schema.ts';

/** Larger than what is taken, so that what is too large is told by how much. */
const BODY_LIMIT_BYTES = 1024 * 1024;

/** Of one that is still to be ordered, its names tell it from the others. */
const BY_NAMES = {
  list: 'listCertificates',
  keyOf: ({ names, id, source }: Certificate) => [names.join(' '), source, id ?? ''] as const,
  types: ['string', 'string', 'string'] as const,
};

export function certificateRoutes(api: ApiInstance, deps: ApiDeps): void {
  readRoutes(api, deps);
  changeRoutes(api, deps);
}

function readRoutes(api: ApiInstance, deps: ApiDeps): void {
  api.get(
    '/certificates',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'listCertificates',
        tags: ['certificates'],
        summary: 'List the certificates of the platform and of the apps that the token can see',
        querystring: PageQuery,
        response: { 200: CertificatePage },
      },
    },
    async ({ actor, query }) => {
      const { rows, statuses, isLasting } = await open(deps).list();
      const now = deps.now();
      const seen = deps.access.appsFor(actor, 'domain.read');
      const names = new Map((await listApps(deps.db, seen)).map(({ id, name }) => [id, name]));
      const isSeen = ({ appId }: { appId: string | null }): boolean => {
        return appId === null ? seen === null : names.has(appId);
      };
      const nameOf = (appId: string | null): string | null => names.get(appId ?? '') ?? null;
      const others = rows.filter((row) => row.source !== 'acme' && isSeen(row));
      return cutPage(query, BY_NAMES, [
        ...statuses.filter(isSeen).map((one) => {
          return presentStatus(one, { app: nameOf(one.appId), now });
        }),
        ...others.map((row) => {
          return presentRow(row, { app: nameOf(row.appId), isLasting: isLasting(row), now });
        }),
      ]);
    },
  );

  api.get(
    '/certificates/authority',
    {
      config: { action: null },
      schema: {
        operationId: 'getAuthority',
        tags: ['certificates'],
        summary: "Show the certificate of this machine's own authority; takes no token",
        security: [],
        response: { 200: AuthoritySchema },
      },
    },
    async () => {
      const certificate = (await deps.certificates?.readAuthority()) ?? null;
      if (certificate !== null) return { certificate };
      throw new PlatformError('not-found', 'this server has no certificate authority of its own', {
        hint: 'on a machine for development, start it with: fn server --local-https',
      });
    },
  );
}

function changeRoutes(api: ApiInstance, deps: ApiDeps): void {
  api.post(
    '/certificates',
    {
      bodyLimit: BODY_LIMIT_BYTES,
      config: { action: 'certificate.change', idempotent: true },
      schema: {
        operationId: 'uploadCertificate',
        tags: ['certificates'],
        summary: 'Upload a certificate and its key, which nobody can read again',
        body: CertificateBody,
        response: { 201: UploadedCertificateSchema },
      },
    },
    async (request, reply) => {
      const { actor, body } = request;
      const app = await requireOwner(deps, actor, body.app);
      if (app !== null) request.audited.app = { id: app.id, name: app.name };
      const { row, warnings, replaced } = await open(deps).add(app, body);
      const view = presentRow(row, { app: app?.name ?? null, isLasting: true, now: deps.now() });
      return reply.code(201).send({ ...view, warnings, replaced });
    },
  );

  api.delete(
    '/certificates/:id',
    {
      config: { action: 'certificate.change' },
      schema: {
        operationId: 'removeCertificate',
        tags: ['certificates'],
        summary: 'Remove an uploaded certificate',
        params: CertificateParams,
        response: { 204: Type.Null({ description: 'It is removed' }) },
      },
    },
    async (request, reply) => {
      const { actor, params } = request;
      const { rows } = await open(deps).list();
      const row = rows.find(({ id }) => id === params.id);
      if (row === undefined) throw unknown(params.id);
      const app = await requireOwnerOf(deps, actor, row);
      if (app !== null) request.audited.app = { id: app.id, name: app.name };
      if (row.source !== 'upload') throw notUploaded(row);
      await open(deps).remove(row);
      return reply.code(204).send(null);
    },
  );
}

/** The app whose domains it is for, or null for the platform. */
async function requireOwner(
  { access }: ApiDeps,
  actor: Actor,
  appName: string | undefined,
): Promise<App | null> {
  if (appName !== undefined) return access.requireApp(actor, 'certificate.change', appName);
  access.require(actor, 'platform-certificate.change');
  return null;
}

/** What belongs to an app that the actor must not know of looks as if it did not exist. */
async function requireOwnerOf(
  deps: ApiDeps,
  actor: Actor,
  row: CertificateRow,
): Promise<App | null> {
  if (row.appId === null) {
    if (!deps.access.may(actor, 'domain.read', null)) throw unknown(row.id);
    deps.access.require(actor, 'platform-certificate.change');
    return null;
  }
  const app = await findApp(deps.db, row.appId);
  if (app === null || !deps.access.may(actor, 'app.read', app)) throw unknown(row.id);
  return deps.access.requireApp(actor, 'certificate.change', app.name);
}

/** @throws PlatformError bad-request where nothing is served by HTTPS */
function open({ certificates }: ApiDeps): CertificatesForApi {
  if (certificates !== null) return certificates;
  throw new PlatformError('bad-request', 'this server does not serve HTTPS', {
    hint: 'start it with HTTPS_PORT=443, or on a machine for development with: fn server --local-https',
  });
}

function unknown(id: string): PlatformError {
  return new PlatformError('not-found', `there is no certificate ${id} that this token can see`, {
    hint: 'fn certificates list shows those that it can see',
  });
}

function notUploaded({ id }: CertificateRow): PlatformError {
  return new PlatformError(
    'bad-request',
    `${id} was not uploaded: the platform keeps it by itself`,
    {
      hint: 'it goes with the host or domain that it is for',
    },
  );
}
