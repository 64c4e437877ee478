import type { Static } from 'typebox';
import type { ReadEntry } from '../../audit/index.ts';
import { findAppByName } from '../../store/apps.ts';
import { AppParams } from '../apps/schema.ts';
import { readLogTime } from '../logs/log-time.ts';
import { readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentEntry } from './present.ts';
import {
  AppAuditQuery,
  AuditPage,
  AuditQuery,
  AuditVerificationSchema,
  AuditVerifyQuery,
} from './schema.ts';

type Query = Static<typeof AppAuditQuery>;

const newestFirst = (list: string) => ({
  list,
  keyOf: ({ sequence }: ReadEntry) => [sequence] as const,
  types: ['number'] as const,
});
const OF_APP = newestFirst('listAppAuditEntries');
const OF_ALL = newestFirst('listAuditEntries');

export function auditRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, auditTrail } = deps;

  api.get(
    '/apps/:app/audit',
    {
      config: { action: 'audit.read' },
      schema: {
        operationId: 'listAppAuditEntries',
        tags: ['audit'],
        summary: 'List who changed what of an app, newest first',
        params: AppParams,
        querystring: AppAuditQuery,
        response: { 200: AuditPage },
      },
    },
    async ({ actor, params, query }) => {
      const app = await access.requireApp(actor, 'audit.read', params.app);
      return readEntries(deps, { keyset: OF_APP, appId: app.id, query });
    },
  );

  api.get(
    '/audit',
    {
      config: { action: 'platform-audit.read' },
      schema: {
        operationId: 'listAuditEntries',
        tags: ['audit'],
        summary: 'List who changed what of the platform and of all apps, newest first',
        querystring: AuditQuery,
        response: { 200: AuditPage },
      },
    },
    async ({ actor, query: { app: appName, ...query } }) => {
      access.require(actor, 'platform-audit.read');
      if (appName === undefined)
        return readEntries(deps, { keyset: OF_ALL, appId: undefined, query });
      const app = await findAppByName(db, appName);
      if (app === null) return { items: [], next: null };
      return readEntries(deps, { keyset: OF_ALL, appId: app.id, query });
    },
  );

  api.get(
    '/audit/verify',
    {
      config: { action: 'platform-audit.read' },
      schema: {
        operationId: 'verifyAudit',
        tags: ['audit'],
        summary: 'Prove that no entry of the audit log was removed, changed, moved or cut off',
        querystring: AuditVerifyQuery,
        response: { 200: AuditVerificationSchema },
      },
    },
    async ({ actor, query }) => {
      access.require(actor, 'platform-audit.read');
      return auditTrail.verify(query.from);
    },
  );
}

async function readEntries(
  { auditTrail, now }: Pick<ApiDeps, 'auditTrail' | 'now'>,
  { keyset, appId, query }: { keyset: typeof OF_ALL; appId: string | undefined; query: Query },
): Promise<Static<typeof AuditPage>> {
  const { actor, action } = query;
  const sinceMs = readTime(query.since, now());
  const untilMs = readTime(query.until, now());
  const page = await readPage(query, keyset, (after, limit) =>
    auditTrail.list({ appId, actor, action, sinceMs, untilMs, before: after?.[0], limit }),
  );
  const items = page.items.flatMap(({ entry }) => (entry === null ? [] : presentEntry(entry)));
  return { items, next: page.next };
}

function readTime(text: string | undefined, nowMs: number): number | undefined {
  return text === undefined ? undefined : readLogTime(text, nowMs).getTime();
}
