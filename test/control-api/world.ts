import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { createRepository } from '../support/repository.ts';
import { type Caller, createCaller, json } from './caller.ts';

/** Who asks. */
export const ACTORS = [
  'anonymous',
  'viewer',
  'deployer',
  'admin',
  'viewerOfApp',
  'deployerOfApp',
  'adminOfApp',
  'adminOfOther',
  'expired',
  'revoked',
  'ci',
  'service',
] as const;
export type ActorName = (typeof ACTORS)[number];

/** A platform with the apps `mine` (v1 and v2) and `theirs`, and somebody of each kind. */
export interface World extends AsyncDisposable, Caller {
  platform: Platform;
  tokens: Record<ActorName, string | null>;
  /** Of a token that nobody uses. */
  victim: string;
  /** Of the functions of `mine` and `theirs`. */
  functions: { mine: string; theirs: string };
}

export async function createWorld(): Promise<World> {
  const platform = await startPlatform({ env: { FN_EGRESS: 'none' } });
  const caller = await createCaller(platform);
  await push(platform, 'mine', ['one', 'two']);
  await push(platform, 'theirs', ['one']);
  const create = async (body: object): Promise<{ id: string; token: string }> =>
    json(await caller.call('createToken', { body: { name: 'test', ...body } }));
  const victim = await create({ role: 'viewer' });
  const revoked = await create({ role: 'admin' });
  await caller.call('revokeToken', { params: { id: revoked.id } });
  const expired = await create({ role: 'admin', expiresInSeconds: 1 });
  const tokenOf = async (body: object): Promise<string> => (await create(body)).token;
  await eventually(async () => (await caller.call('whoAmI', {}, expired.token)).status === 401);
  const { items } = json<{ items: { id: string; app: string }[] }>(
    await caller.call('listFunctions', {}),
  );
  const idOf = (app: string): string => items.find((item) => item.app === app)?.id ?? '';
  return {
    platform,
    ...caller,
    victim: victim.id,
    functions: { mine: idOf('mine'), theirs: idOf('theirs') },
    tokens: {
      anonymous: null,
      viewer: await tokenOf({ role: 'viewer' }),
      deployer: await tokenOf({ role: 'deployer' }),
      admin: await tokenOf({ role: 'admin' }),
      viewerOfApp: await tokenOf({ role: 'viewer', apps: ['mine'] }),
      deployerOfApp: await tokenOf({ role: 'deployer', apps: ['mine'] }),
      adminOfApp: await tokenOf({ role: 'admin', apps: ['mine'] }),
      adminOfOther: await tokenOf({ role: 'admin', apps: ['theirs'] }),
      expired: expired.token,
      revoked: revoked.token,
      ci: await tokenOf({ kind: 'ci', role: 'deployer', apps: ['mine'], expiresInSeconds: 3600 }),
      service: await tokenOf({ kind: 'service', apps: ['mine'], can: ['log.read'] }),
    },
    [Symbol.asyncDispose]: () => platform[Symbol.asyncDispose](),
  };
}

async function push(platform: Platform, app: string, versions: string[]): Promise<void> {
  const repository = await createRepository(platform, app);
  for (const version of versions) {
    await repository.commit({ 'index.ts': `export default () => new Response('${version}');\n` });
    const { code, output } = await repository.push('main');
    if (code !== 0) throw new Error(output);
  }
}
