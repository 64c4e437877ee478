/**
 * What the audit log may say of each operation beside who, where and to what: every field is named, and what is not named
 * is not written. A field that might hold a secret has no place here; of environments that means names, never values.
 */
import type { AuditDetails } from '../audit/index.ts';
import type { App } from '../store/apps.ts';
import { listCertificates } from '../store/certificates.ts';
import type { Queryable } from '../store/database.ts';
import { findDeployment } from '../store/deployments.ts';
import { findDomain } from '../store/domains.ts';
import { findEnvironmentVersion } from '../store/environment.ts';
import { findGitConnection } from '../store/git-connections.ts';
import { findAppAccess, listShareLinks } from '../store/private-apps.ts';
import { findRoute, PRODUCTION_ROUTE } from '../store/routes.ts';
import { findSshKey } from '../store/ssh-keys.ts';
import { findToken } from '../store/tokens.ts';

export interface AuditedFields {
  /** Paths into the request's body, its query and the answer: `name`, `set.*.name`, `environment.@` for its names. */
  body?: readonly string[];
  query?: readonly string[];
  answer?: readonly string[];
  /** As it was. */
  before?: (db: Queryable, of: Target) => Promise<AuditDetails | null>;
}

interface Target {
  app: App | null;
  /** Of the path, but for the app. */
  params: Record<string, string>;
  body: unknown;
  /** Of the token that asks. */
  tokenId: string;
}

const TOKEN_FIELDS = ['name', 'kind', 'role', 'apps', 'grants', 'can', 'expiresInSeconds'];
const RELEASE_ANSWER = [
  'deployment.id',
  'deployment.version',
  'deployment.commit',
  'environmentVersion',
];
const ENVIRONMENT_ANSWER = ['version', 'set', 'unset', 'production.state'];
const FUNCTION_ANSWER = ['function.id', 'function.version'];
const FUNCTION_FIELDS = [
  'name',
  'runtime',
  'handler',
  'memory',
  'timeout',
  'rateLimit',
  'customDomain',
  'environment.@',
];

/** By method and path of the route. An operation that is missing is written without such fields. */
export const AUDITED: Readonly<Record<string, AuditedFields>> = {
  'POST /tokens': { body: TOKEN_FIELDS, answer: ['id', 'prefix', 'expiresAt'] },
  'POST /login/device/:code/approve': { body: TOKEN_FIELDS, answer: ['hostName', 'address'] },
  'DELETE /tokens/:id': { query: ['lastAdmin'], before: tokenBefore },
  'PUT /apps/:app/access': {
    body: ['production', 'previews'],
    before: async (db, { app }) => (app === null ? null : { ...(await findAppAccess(db, app.id)) }),
  },
  'POST /apps/:app/share-links': {
    body: ['branch', 'commit', 'expiresInSeconds'],
    answer: ['id', 'opens', 'expiresAt'],
  },
  'DELETE /apps/:app/share-links/:id': { before: shareLinkBefore },
  'POST /apps/:app/rollback': {
    body: ['target', 'withEnvironment'],
    answer: RELEASE_ANSWER,
    before: productionBefore,
  },
  'POST /apps/:app/redeploy': {
    body: ['target'],
    answer: RELEASE_ANSWER,
    before: productionBefore,
  },
  'PATCH /apps/:app/environment': {
    body: [
      ...['name', 'scope', 'kind', 'build'].map((field) => `set.*.${field}`),
      ...['name', 'scope'].map((field) => `unset.*.${field}`),
    ],
    answer: ENVIRONMENT_ANSWER,
    before: environmentBefore,
  },
  'PUT /apps/:app/environment/:name': {
    body: ['scope', 'kind', 'build'],
    answer: ENVIRONMENT_ANSWER,
    before: environmentBefore,
  },
  'DELETE /apps/:app/environment/:name': {
    query: ['scope'],
    answer: ENVIRONMENT_ANSWER,
    before: environmentBefore,
  },
  'POST /apps/:app/domains': {
    body: ['name', 'branch', 'redirectTo'],
    answer: ['name', 'state'],
    before: domainBefore,
  },
  'POST /apps/:app/domains/:name/verify': { answer: ['state', 'pointing'], before: domainBefore },
  'DELETE /apps/:app/domains/:name': { answer: ['quarantinedUntil'], before: domainBefore },
  // The URL as it was taken: what is asked for may have a password in it.
  'POST /apps/:app/git-hosts': { body: ['kind'], answer: ['id', 'url'] },
  'DELETE /apps/:app/git-hosts/:id': { before: gitHostBefore },
  'POST /apps/:app/pushes/:push/cancel': { answer: ['by', 'refs', 'startedAt'] },
  'POST /certificates': { body: ['app'], answer: ['id', 'names', 'notAfter', 'replaced'] },
  'DELETE /certificates/:id': { before: certificateBefore },
  'POST /master-key/rotation': { answer: ['keyId'] },
  'POST /functions': { body: FUNCTION_FIELDS, answer: FUNCTION_ANSWER },
  'PUT /functions/:function': {
    body: FUNCTION_FIELDS,
    answer: FUNCTION_ANSWER,
    before: productionBefore,
  },
  'POST /functions/:function': {
    body: FUNCTION_FIELDS,
    answer: FUNCTION_ANSWER,
    before: productionBefore,
  },
  'POST /functions/:function/rollback': {
    body: ['version'],
    answer: FUNCTION_ANSWER,
    before: productionBefore,
  },
  'DELETE /functions/:function': { before: productionBefore },
  'DELETE /apps/:app': { before: productionBefore },
  'POST /apps/:app/promote': {
    body: ['target'],
    answer: RELEASE_ANSWER,
    before: productionBefore,
  },
  'POST /keys': { body: ['name'], answer: ['id', 'fingerprint'] },
  'DELETE /keys/:id': { before: keyBefore },
};

/** Of what has them; what has not is left out. */
export function pickFields(value: unknown, paths: readonly string[]): AuditDetails {
  const picked: Record<string, unknown> = {};
  for (const path of paths) {
    const [first = '', ...rest] = path.split('.');
    const found = fieldOf(value, first);
    if (found === undefined) continue;
    picked[first] = merge(picked[first], pick(found, rest));
  }
  return picked as AuditDetails;
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

function pick(value: unknown, [first, ...rest]: readonly string[]): unknown {
  if (first === undefined) return plain(value);
  if (first === '@') return typeof value === 'object' && value !== null ? Object.keys(value) : null;
  if (first === '*') return Array.isArray(value) ? value.map((item) => pick(item, rest)) : null;
  const found = fieldOf(value, first);
  return found === undefined ? {} : { [first]: pick(found, rest) };
}

/** A field that is named is taken whole, whatever it holds; functions and the like are no JSON. */
function plain(value: unknown): unknown {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value) ?? 'null') as unknown);
}

/** Several paths may lead into one object, or into the items of one list. */
function merge(a: unknown, b: unknown): unknown {
  if (Array.isArray(a) && Array.isArray(b)) return a.map((item, at) => merge(item, b[at]));
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return b;
  const merged: Record<string, unknown> = { ...a };
  for (const [name, value] of Object.entries(b)) merged[name] = merge(merged[name], value);
  return merged;
}

async function tokenBefore(db: Queryable, { params }: Target): Promise<AuditDetails | null> {
  const token = await findToken(db, params['id'] ?? '');
  if (token === null) return null;
  return { name: token.name, prefix: token.prefix, isRevoked: token.revokedAt !== null };
}

async function productionBefore(db: Queryable, { app }: Target): Promise<AuditDetails | null> {
  const id = app === null ? null : await findRoute(db, app.id, PRODUCTION_ROUTE);
  const live = id === null ? null : await findDeployment(db, id);
  if (live === null) return null;
  return { deployment: live.id, version: live.version, commit: live.commit };
}

async function domainBefore(
  db: Queryable,
  { app, params, body }: Target,
): Promise<AuditDetails | null> {
  const name = params['name'] ?? fieldOf(body, 'name');
  const domain =
    app === null || typeof name !== 'string' ? null : await findDomain(db, app.id, name);
  if (domain === null) return null;
  const { state, targetRef, redirectTo } = domain;
  return { state, targetRef, redirectTo };
}

async function environmentBefore(db: Queryable, { app }: Target): Promise<AuditDetails | null> {
  return app === null ? null : { version: await findEnvironmentVersion(db, app.id) };
}

async function shareLinkBefore(
  db: Queryable,
  { app, params }: Target,
): Promise<AuditDetails | null> {
  const links = app === null ? [] : await listShareLinks(db, app.id);
  const link = links.find(({ id }) => id === params['id']);
  if (link === undefined) return null;
  return { opens: link.target, expiresAt: link.expiresAt.toISOString() };
}

async function gitHostBefore(db: Queryable, { app, params }: Target): Promise<AuditDetails | null> {
  const connection = await findGitConnection(db, params['id'] ?? '');
  if (connection === null || connection.appId !== app?.id) return null;
  return { kind: connection.kind, url: connection.url };
}

async function certificateBefore(db: Queryable, { params }: Target): Promise<AuditDetails | null> {
  const rows = await listCertificates(db);
  const row = rows.find(({ id }) => id === params['id']);
  if (row === undefined) return null;
  return { names: [...row.names], notAfter: row.notAfter.toISOString() };
}

async function keyBefore(db: Queryable, { params, tokenId }: Target): Promise<AuditDetails | null> {
  const key = await findSshKey(db, tokenId, params['id'] ?? '');
  return key === null ? null : { name: key.name, fingerprint: key.fingerprint };
}
