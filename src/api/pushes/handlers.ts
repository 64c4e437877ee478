import { Readable } from 'node:stream';
import type { Actor, Action } from '../../access/index.ts';
import type { PushRecord } from '../../deploy/index.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { AppParams } from '../apps/schema.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentOutput, presentPush } from './present.ts';
import { PushPage, PushParams, PushSchema } from './schema.ts';

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
      schema: {
        summary: 'List running pushes and the last that have ended, newest first',
        params: AppParams,
        response: { 200: PushPage },
      },
    },
    async (request) => {
      const app = await access.requireApp(request.actor, 'app.read', request.params.app);
      return { items: journal.list(app.id).map(presentPush) };
    },
  );

  api.get(
    '/apps/:app/pushes/:push/output',
    { schema: { summary: 'Follow what a push prints, as JSON lines', params: PushParams } },
    async (request, reply) => {
      const record = await requirePush(request.actor, 'app.read', request.params);
      return reply.type('application/x-ndjson').send(Readable.from(presentOutput(record)));
    },
  );

  api.post(
    '/apps/:app/pushes/:push/cancel',
    {
      schema: {
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
