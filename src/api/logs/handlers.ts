import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../../store/apps.ts';
import { findDeploymentByName } from '../../store/deployment-names.ts';
import type { LogFilter } from '../../store/logs.ts';
import { AppParams } from '../apps/schema.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import type { LogReader } from './log-reader.ts';
import { createLogStreams } from './log-stream.ts';
import { readLogTime } from './log-time.ts';
import { presentLogEntry } from './present.ts';
import { LogAnswer, LogQuerySchema } from './schema.ts';

interface Query {
  since?: string;
  until?: string;
  level?: NonNullable<LogFilter['level']>;
  search?: string;
  function?: string;
  deployment?: string;
  request?: string;
  limit: number;
  cursor?: string;
}

export function logRoutes(api: ApiInstance, deps: ApiDeps, reader: LogReader): void {
  const { access } = deps;
  const streams = createLogStreams(deps, reader);
  api.addHook('preClose', async () => streams.close());

  async function stream(request: FastifyRequest, reply: FastifyReply, app: App): Promise<void> {
    const { limit, cursor, ...query } = request.query as Query;
    const lastEventId = request.headers['last-event-id'];
    const after = typeof lastEventId === 'string' ? lastEventId : cursor;
    await streams.open(reply, {
      app,
      limit,
      filter: await filterOf(deps, app, query),
      after: after !== undefined && /^\d{1,18}$/.test(after) ? after : null,
      format: wantsEvents(request) ? 'events' : 'lines',
      // A token may be revoked while its stream is open.
      watch: (onEnd) => access.watch(request.actor, { action: 'log.read', appId: app.id }, onEnd),
    });
  }

  api.get(
    '/apps/:app/logs',
    {
      config: { action: 'log.read' },
      schema: {
        operationId: 'listLogs',
        tags: ['logs'],
        summary: 'Read what functions printed, newest first; or follow it with tail',
        params: AppParams,
        querystring: LogQuerySchema,
        response: { 200: LogAnswer },
      },
    },
    async (request, reply) => {
      const app = await access.requireApp(request.actor, 'log.read', request.params.app);
      reply.header('x-content-type-options', 'nosniff');
      const { limit, cursor, tail, ...query } = request.query;
      if (tail === true || wantsEvents(request)) {
        await stream(request, reply, app);
        return reply;
      }
      const filter = await filterOf(deps, app, query);
      const before = cursor ?? null;
      const { entries, isMore } = await reader.newest(app.id, { filter, before, limit });
      const next = isMore ? (entries.at(-1)?.id ?? null) : null;
      return { items: entries.map(presentLogEntry), next };
    },
  );
}

function wantsEvents({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/event-stream') ?? false;
}

async function filterOf(
  { db, now }: ApiDeps,
  app: App,
  query: Omit<Query, 'limit' | 'cursor'>,
): Promise<LogFilter> {
  const { since, until, level, search, deployment, request } = query;
  const found =
    deployment === undefined ? undefined : await findDeploymentByName(db, app, deployment);
  return {
    ...(since !== undefined && { since: readLogTime(since, now()) }),
    ...(until !== undefined && { until: readLogTime(until, now()) }),
    ...(level !== undefined && { level }),
    ...(search !== undefined && { search }),
    ...(query.function !== undefined && { functionName: query.function }),
    ...(found !== undefined && { deployment: found.id }),
    ...(request !== undefined && { requestId: request }),
  };
}
