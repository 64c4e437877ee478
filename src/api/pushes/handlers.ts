import { Readable } from 'node:stream';
import type { Actor, Action } from '../../access/index.ts';
import type { PushRecord } from '../../deploy/index.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { AppParams } from '../apps/schema.ts';
import { cutPage, PageQuery, presentPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentOutput, presentPush } from './present.ts';
import { untilEnded } from './until-ended.ts';
import { PushOutputStream, PushPage, PushParams, PushSchema } from './schema.ts';

const NEWEST_FIRST = {
  list: 'listPushes',
  keyOf: ({ startedAt, push }: PushRecord) => [-startedAt.getTime(), push.id] as const,
  types: ['number', 'string'] as const,
};

export function pushRoutes(api: ApiInstance, { access, journal }: ApiDeps): void {
  async function requirePush(
    actor: Actor,
    action: Action,
    params: { app: string; push: string },
  ): Promise<PushRecord> {
    const app = await access.requireApp(actor, action, params.app);
    const record = journal.find(app.id, params.push);
    if (record !== null) return record;
    throw new PlatformError('not-found', `there is no push ${params.push} any more`, {
      hint: 'fn releases shows what was deployed',
    });
  }

  api.get(
    '/apps/:app/pushes',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'listPushes',
        tags: ['pushes'],
        summary: 'List running pushes and the last that have ended, newest first',
        params: AppParams,
        querystring: PageQuery,
        response: { 200: PushPage },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.read', request.params.app);
      const page = await cutPage(request.query, NEWEST_FIRST, journal.list(app.id));
      return presentPage(page, presentPush);
    },
  );

  api.get(
    '/apps/:app/pushes/:push/output',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'followPush',
        tags: ['pushes'],
        summary: 'Follow what a push prints, as JSON lines',
        params: PushParams,
        response: { 200: PushOutputStream },
      },
    },
    async (request, reply) => {
      const record = await requirePush(request.actor, 'app.read', request.params);
      const ended = new AbortController();
      const lines = Readable.from(untilEnded(presentOutput(record), ended.signal));
      const permission = { action: 'app.read', appId: record.push.appId } as const;
      lines.on(
        'close',
        access.watch(request.actor, permission, () => ended.abort()),
      );
      // The schema is of each line, and a stream is sent as it is.
      return reply.type('application/x-ndjson').send(lines as never);
    },
  );

  api.post(
    '/apps/:app/pushes/:push/cancel',
    {
      config: { action: 'app.cancel' },
      schema: {
        operationId: 'cancelPush',
        tags: ['pushes'],
        summary: 'End a push while it is being built',
        params: PushParams,
        response: { 200: PushSchema },
      },
    },
    async (request) => {
      const record = await requirePush(request.actor, 'app.cancel', request.params);
      record.cancel(request.actor.tokenName);
      return presentPush(record);
    },
  );
}
