import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AuditEvent, AuditOperation } from '../audit/index.ts';
import { PEER_ADDRESS_HEADER } from '../protocol/peer.ts';
import { type App, findApp, findAppByName } from '../store/apps.ts';
import { findFunction } from '../store/functions.ts';
import { AUDITED, pickFields, type AuditedFields } from './audited-fields.ts';
import type { ApiDeps } from './ports.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** What a handler knows besides; never a value that somebody keeps to himself. */
    audited: Partial<Pick<AuditEvent, 'app' | 'target' | 'before' | 'after'>>;
    auditOperation: AuditOperation | null;
  }
  interface FastifyContextConfig {
    /** False for a POST that changes nothing of the platform. */
    isAudited?: boolean;
  }
}

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Has each request that changes something written down: `requested` before its handler runs, which it does not where that
 * cannot be written, and how it ended before it is answered. A request that is refused as malformed never gets there;
 * one that is forbidden does.
 */
export function auditMutations(api: FastifyInstance, deps: Pick<ApiDeps, 'audit' | 'db'>): void {
  api.decorateRequest('auditOperation', null);
  api.addHook('onRequest', async (request) => {
    request.audited = {};
  });

  api.addHook('preHandler', async (request) => {
    if (!isMutation(request)) return;
    request.auditOperation = await deps.audit.begin(await describeRequest(request, deps));
  });

  api.addHook('preSerialization', async (request, _reply, payload: unknown) => {
    if (request.auditOperation === null) return payload;
    const answer = pickFields(payload, fieldsOf(request).answer ?? []);
    request.audited.after = { ...answer, ...request.audited.after };
    return payload;
  });

  api.addHook('onSend', async (request, reply, payload) => {
    const operation = request.auditOperation;
    request.auditOperation = null;
    if (operation === null) return payload;
    const { audited } = request;
    if (reply.statusCode < 400) await operation.succeeded(audited);
    else await operation.failed(codeOf(payload), 'app' in audited ? { app: audited.app } : {});
    return payload;
  });
}

/** Nobody knows who makes a request without a token: what it leads to is written down where that is done. */
function isMutation(request: FastifyRequest): boolean {
  if (READING.has(request.method) || request.routeOptions.config.isAudited === false) return false;
  return (request.actor as unknown) !== undefined && !request.is404;
}

async function describeRequest(
  request: FastifyRequest,
  { db }: Pick<ApiDeps, 'db'>,
): Promise<AuditEvent> {
  const { actor, routeOptions, headers, body } = request;
  const { app: appName, ...others } = request.params as Record<string, string>;
  const app = await appOf(db, appName ?? others['function']?.split(':')[0]);
  const fields = fieldsOf(request);
  const target = Object.values(others).join('/');
  return {
    actor: { kind: actor.kind, id: actor.tokenId, name: actor.tokenName },
    action: operationOf(request),
    app: namedApp(app, appName),
    target: target === '' ? null : target,
    from: {
      address: textOf(headers[PEER_ADDRESS_HEADER]),
      userAgent: textOf(headers['user-agent']),
    },
    requestId: request.id,
    before:
      (await fields.before?.(db, { app, params: others, body, tokenId: actor.tokenId })) ?? null,
    after: {
      ...pickFields(request.query, fields.query ?? []),
      ...pickFields(body, fields.body ?? []),
    },
  };

  function operationOf({ method }: FastifyRequest): string {
    const { operationId } = (routeOptions.schema ?? {}) as { operationId?: string };
    return operationId ?? `${method} ${routeOptions.url ?? ''}`;
  }
}

/** Also one that there is not, as it was asked for. */
function namedApp(app: App | null, asked: string | undefined): AuditEvent['app'] {
  if (app !== null) return { id: app.id, name: app.name };
  return asked === undefined ? null : { id: null, name: asked };
}

/** By its name, or by the id of one of its functions. */
async function appOf(db: ApiDeps['db'], name: string | undefined): Promise<App | null> {
  if (name === undefined) return null;
  const row = await findFunction(db, name);
  return row === null ? findAppByName(db, name) : findApp(db, row.appId);
}

function fieldsOf({ method, routeOptions }: FastifyRequest): AuditedFields {
  return AUDITED[`${method} ${routeOptions.url ?? ''}`] ?? {};
}

function textOf(header: string | string[] | undefined): string | null {
  return typeof header === 'string' ? header : null;
}

/** Of a problem; its text may quote what was sent. */
function codeOf(payload: unknown): string {
  if (typeof payload !== 'string') return 'internal';
  try {
    const { code } = JSON.parse(payload) as { code?: unknown };
    return typeof code === 'string' ? code : 'internal';
  } catch {
    return 'internal';
  }
}
