import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import { PlatformError } from '../../protocol/errors.ts';
import type { Access as AccessView } from '../../protocol/control-client.generated.ts';
import { MAX_SHARE_LINKS } from '../../protocol/snapshot.ts';
import { newId, randomName } from '../../std/ids.ts';
import { KeyedMutex } from '../../std/mutex.ts';
import type { App } from '../../store/apps.ts';
import {
  addShareLink,
  findAppAccess,
  listShareLinks,
  removeShareLink,
  setAppAccess,
  type ShareLink,
} from '../../store/private-apps.ts';
import { AppParams } from '../apps/schema.ts';
import { NOT_MODIFIED, requireMatch, tagged } from '../etag.ts';
import { cutPage, PageQuery, presentPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentAccess, presentShareLink } from './present.ts';
import {
  AccessBody,
  AccessSchema,
  CreatedShareLinkSchema,
  DEFAULT_LIFETIME_S,
  ShareLinkBody,
  ShareLinkPage,
  ShareLinkParams,
} from './schema.ts';
import { findShareTarget, type FoundTarget } from './share-target.ts';

/** 200 random bits: nobody finds one by trying. */
const SECRET_CHARACTERS = 40;
const MS_PER_SECOND = 1_000;
const tags = ['access'];

const OLDEST_FIRST = {
  list: 'listShareLinks',
  keyOf: ({ createdAt, id }: ShareLink) => [createdAt.getTime(), id] as const,
  types: ['number', 'string'] as const,
};

export function accessRoutes(api: ApiInstance, deps: ApiDeps): void {
  levelRoutes(api, deps);
  readLinkRoutes(api, deps);
  changeLinkRoutes(api, deps);
}

function levelRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, routes } = deps;
  /** So that nothing comes between what `If-Match` is asked of and the change. */
  const turns = new KeyedMutex();

  api.get(
    '/apps/:app/access',
    {
      config: { action: 'app.read' },
      schema: {
        operationId: 'getAccess',
        tags,
        summary: 'Tell who may see what an app serves',
        params: AppParams,
        response: { 200: AccessSchema, ...NOT_MODIFIED },
      },
    },
    async ({ actor, params }, reply) =>
      tagged(reply, await viewOf(deps, await access.requireApp(actor, 'app.read', params.app))),
  );

  api.put(
    '/apps/:app/access',
    {
      config: { action: 'access.change', isConditional: true },
      schema: {
        operationId: 'setAccess',
        tags,
        summary: 'Have everybody see production or previews of an app, or who has a share link',
        params: AppParams,
        body: AccessBody,
        response: { 200: AccessSchema },
      },
    },
    async (request, reply) => {
      const { actor, params, body } = request;
      const app = await access.requireApp(actor, 'access.change', params.app);
      await turns.run(app.id, async () => {
        await requireMatch(request, () => viewOf(deps, app));
        const known = await findAppAccess(db, app.id);
        const { production = known.production, previews = known.previews } = body;
        await setAppAccess(db, app.id, {
          production,
          previews: previews === 'default' ? null : previews,
        });
      });
      await routes.publish();
      return tagged(reply, await viewOf(deps, app));
    },
  );
}

async function viewOf({ db, routes }: ApiDeps, app: App): Promise<AccessView> {
  return presentAccess(await findAppAccess(db, app.id), routes.previewDefault);
}

function readLinkRoutes(api: ApiInstance, { db, access }: ApiDeps): void {
  api.get(
    '/apps/:app/share-links',
    {
      config: { action: 'share-link.read' },
      schema: {
        operationId: 'listShareLinks',
        tags,
        summary: 'List the share links of an app that have not expired, without their secrets',
        params: AppParams,
        querystring: PageQuery,
        response: { 200: ShareLinkPage },
      },
    },
    async ({ actor, params, query }) => {
      const app = await access.requireApp(actor, 'share-link.read', params.app);
      const page = await cutPage(query, OLDEST_FIRST, await listShareLinks(db, app.id));
      return presentPage(page, presentShareLink);
    },
  );
}

function changeLinkRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db, access, address, routes, now } = deps;

  api.post(
    '/apps/:app/share-links',
    {
      config: { action: 'share-link.create', idempotent: true },
      schema: {
        operationId: 'createShareLink',
        tags,
        summary: 'Make a link that opens what is private of an app; its secret is shown this once',
        params: AppParams,
        body: ShareLinkBody,
        response: { 201: CreatedShareLinkSchema },
      },
    },
    async ({ actor, params, body }, reply) => {
      const app = await access.requireApp(actor, 'share-link.create', params.app);
      const { expiresInSeconds = DEFAULT_LIFETIME_S } = body;
      const found = await findShareTarget(db, address, { app, ...body });
      requirePrivate(app, found, await viewOf(deps, app));
      const secret = randomName(SECRET_CHARACTERS);
      const link = {
        id: newId('link'),
        kind: found.kind,
        target: found.target,
        createdAt: new Date(now()),
        expiresAt: new Date(now() + expiresInSeconds * MS_PER_SECOND),
      };
      const hash = createHash('sha256').update(secret).digest();
      const stored = { ...link, hash, createdBy: actor.tokenId };
      if (!(await addShareLink(db, app.id, stored))) throw tooMany(app);
      await routes.publish();
      return reply.code(201).send({
        ...presentShareLink({ ...link, createdBy: actor.tokenName }),
        url: `${found.url}/?fn-share=${secret}`,
        secret,
      });
    },
  );

  api.delete(
    '/apps/:app/share-links/:id',
    {
      config: { action: 'share-link.remove' },
      schema: {
        operationId: 'removeShareLink',
        tags,
        summary: 'Remove a share link: it opens nothing any more, for whoever has it',
        params: ShareLinkParams,
        response: { 204: Type.Null({ description: 'It is removed' }) },
      },
    },
    async ({ actor, params }, reply) => {
      const app = await access.requireApp(actor, 'share-link.remove', params.app);
      if (!(await removeShareLink(db, app.id, params.id))) {
        throw new PlatformError('not-found', `${app.name} has no share link ${params.id}`, {
          hint: 'fn access list shows those that there are',
        });
      }
      await routes.publish();
      return reply.code(204).send(null);
    },
  );
}

/** The door of a public host leaves the parameter to the function, which has no business with it. */
function requirePrivate({ name }: App, { kind }: FoundTarget, view: AccessView): void {
  const what = kind === 'production' ? 'production' : 'previews';
  if (view[what] === 'private') return;
  throw new PlatformError(
    'conflict',
    `everybody may see ${what} of ${name}: the URL needs no link`,
    {
      hint: `to make it private first: fn access private --${what}`,
    },
  );
}

function tooMany({ name }: App): PlatformError {
  return new PlatformError('conflict', `${name} has ${MAX_SHARE_LINKS} share links already`, {
    hint: 'remove one: fn access list, then fn access remove ID',
  });
}
