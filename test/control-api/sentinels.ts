import { eventually } from '../support/eventually.ts';
import { createRepository } from '../support/repository.ts';
import { json } from './caller.ts';
import type { World } from './world.ts';

/** What a client gave or was given that nobody may read again, each with words that stand nowhere else. */
export interface Sentinels {
  /** What it is → its text. */
  secrets: Record<string, string>;
  /** Of the app that has them all. */
  app: string;
  function: string;
}

/** Not what a detector of secrets would take for one by its form. */
const sentinel = (name: string): string => `kept-${name}-9f2c7b1ad04e`;

/** Puts a text of its own into every secret field that can be written, and keeps every secret that is answered. */
export async function plantSentinels(world: World): Promise<Sentinels> {
  const secrets: Record<string, string> = {};
  const give = (what: string): string => (secrets[what] = sentinel(what));
  const ask = async <Shape>(...[id, input]: Parameters<World['call']>): Promise<Shape> => {
    const answer = await world.call(id, input);
    if (answer.status >= 300) throw new Error(`${id}: ${answer.status} ${answer.body}`);
    return json<Shape>(answer);
  };
  const made = await ask<{ function: { id: string } }>('createFunction', {
    body: {
      name: 'keeper',
      runtime: 'typescript',
      code: 'export default () => { console.log(`it is ${process.env.FIRST_SECRET}`); throw new Error(process.env.SECOND_TOKEN); };',
      environment: { FIRST_SECRET: give('of-creation') },
    },
  });
  const app = { params: { app: 'keeper' } };
  await ask('setEnvironmentValue', {
    params: { app: 'keeper', name: 'SECOND_TOKEN' },
    body: { value: give('of-one-value'), kind: 'secret' },
  });
  const set = [
    { name: 'THIRD_KEY', value: give('of-many-values') },
    { name: 'BUILT', value: give('for-builds'), kind: 'secret', build: true },
    { name: 'ELSEWHERE', value: give('of-a-branch'), kind: 'secret', scope: 'branch:none' },
  ];
  await ask('changeEnvironment', { ...app, body: { set } });
  // What was replaced is kept with its version, and no more to be seen.
  await ask('setEnvironmentValue', {
    params: { app: 'keeper', name: 'THIRD_KEY' },
    body: { value: give('of-a-newer-version'), kind: 'secret' },
  });
  await ask('connectGitHost', {
    ...app,
    body: {
      kind: 'github',
      url: 'https://1.1.1.1/ada/keeper',
      accessToken: give('access-token'),
      webhookSecret: give('webhook-secret'),
    },
  });
  const other = await ask<{ webhookSecret: string }>('connectGitHost', {
    ...app,
    body: { kind: 'gitea', url: 'https://1.1.1.1/ada/other', accessToken: give('other-access') },
  });
  secrets['made-webhook-secret'] = other.webhookSecret;
  await ask('setAccess', { ...app, body: { production: 'private' } });
  const link = await ask<{ url: string }>('createShareLink', { ...app, body: {} });
  secrets['share-link'] = new URL(link.url).search.split('=').at(-1) ?? '';
  const login = await ask<{ device_code: string }>('beginDeviceLogin', {
    body: { host_name: 'laptop' },
  });
  secrets['device-code'] = login.device_code;
  const idempotent = await world.send({
    method: 'POST',
    path: '/tokens',
    body: JSON.stringify({ name: 'kept', role: 'viewer' }),
    headers: { 'idempotency-key': 'kept-answer' },
  });
  secrets['kept-token'] = json<{ token: string }>(idempotent).token;
  for (const [actor, token] of Object.entries(world.tokens)) {
    if (token !== null) secrets[`token-of-${actor}`] = token;
  }
  secrets['admin-token'] = world.platform.adminToken;
  await printThem(world, made.function.id);
  return { secrets, app: 'keeper', function: made.function.id };
}

/** Has the function print and throw what it knows, and a push build with what builds know. */
async function printThem(world: World, id: string): Promise<void> {
  await world.call('invokeFunction', { params: { function: id }, body: {} });
  await eventually(async () => {
    const logs = await world.call('listLogs', { params: { app: 'keeper' } });
    return logs.body.includes('[redacted FIRST_SECRET]');
  });
  const repository = await createRepository(world.platform, 'keeper');
  await repository.commit({
    'fn.json': '{ "build": { "command": "echo $BUILT; exit 1" } }',
    'index.ts': "export default () => new Response('x');\n",
  });
  const { code } = await repository.push('HEAD:refs/heads/loud');
  if (code === 0) throw new Error('a build that fails is not deployed');
}

/** Forms in which a reader would take a text back out. */
export function formsOf(text: string): string[] {
  const encoded = [Buffer.from(text).toString('base64'), encodeURIComponent(text)];
  // Whatever stands before it moves what base64 makes of it: its middle is looked for.
  return [...new Set([text, ...encoded.map((one) => one.replace(/=+$/, ''))])];
}
