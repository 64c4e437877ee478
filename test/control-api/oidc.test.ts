import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { startIdentityProvider } from '../support/identity-provider.ts';
import { startPlatform, type Platform } from '../support/platform.ts';

const SECRET = 'a secret: with & and %41';
const VERIFIER = 'v'.repeat(43);
const NONCE = 'n'.repeat(20);
const REDIRECT = 'http://127.0.0.1:4/callback';
const HOUR_MS = 3_600_000;

let provider: Awaited<ReturnType<typeof startIdentityProvider>>;
let platform: Platform;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-test-oidc-'));
  await writeFile(join(folder, 'secret'), `${SECRET}\n`, { mode: 0o600 });
  provider = await startIdentityProvider(SECRET);
  platform = await startPlatform({
    env: {
      FN_EGRESS: 'none',
      FN_OIDC_ISSUER: provider.issuer,
      FN_OIDC_CLIENT_ID: provider.clientId,
      FN_OIDC_CLIENT_SECRET_FILE: join(folder, 'secret'),
      FN_OIDC_ALLOWED: 'ada@example.com=admin, group:ops=deployer, unverified@example.com=admin',
    },
  });
});

afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await provider.close();
  await rm(folder, { recursive: true });
});

/** Goes to the provider as somebody, and comes back with a code. */
async function obtainCode(who: string): Promise<string> {
  const asked = await callControl(platform, '/login/oidc', { token: null });
  const described = JSON.parse(asked.body) as { authorization_endpoint: string; scope: string };
  const url = new URL(described.authorization_endpoint);
  url.search = new URLSearchParams({
    response_type: 'code',
    client_id: provider.clientId,
    redirect_uri: REDIRECT,
    scope: described.scope,
    code_challenge: createHash('sha256').update(VERIFIER).digest('base64url'),
    code_challenge_method: 'S256',
    state: 'x',
    nonce: NONCE,
  }).toString();
  const back = await provider.visit(url.href, who);
  const code = back.searchParams.get('code');
  if (code === null) throw new Error(back.href);
  return code;
}

async function login(code: string, over: object = {}) {
  const body = {
    code,
    code_verifier: VERIFIER,
    redirect_uri: REDIRECT,
    nonce: NONCE,
    host_name: 'laptop',
    ...over,
  };
  const answer = await callControl(platform, '/login/oidc', { method: 'POST', token: null, body });
  return { status: answer.status, said: JSON.parse(answer.body) as Record<string, string> };
}

it('fn login --oidc gives a personal token of twelve hours, by what the operator allows', async () => {
  const home = await mkdtemp(join(tmpdir(), 'gitfn-test-oidc-home-'));
  onTestFinished(() => rm(home, { recursive: true }));
  const fn = join(process.cwd(), 'bin/fn');
  const env = { PATH: process.env['PATH'], HOME: home };
  const command = spawn(fn, ['login', platform.url, '--oidc'], { cwd: home, env });
  const ended = once(command, 'close');
  let output = '';
  for (const stream of [command.stdout, command.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const url = await eventually(() => {
    const [found = ''] = /http:\/\/127\.0\.0\.1:\d+\/auth\?\S+/.exec(output) ?? [];
    expect(found, output).not.toBe('');
    return found;
  });
  const back = await provider.visit(url, 'ada');
  const forged = new URL(back);
  forged.searchParams.set('state', 'of-somebody-else');
  expect((await fetch(forged)).status).toBe(404);
  expect((await fetch(back)).status).toBe(200);
  expect(await ended, output).toEqual([0, null]);
  expect(output).toContain('role    admin: may do everything');
  const { items } = JSON.parse((await callControl(platform, '/tokens')).body) as {
    items: { name: string; kind: string; createdBy: string | null; expiresAt: string }[];
  };
  const made = items.find(({ name }) => name.startsWith('ada@example.com at '));
  expect(made).toMatchObject({ kind: 'personal', createdBy: null });
  const leftMs = Date.parse(made?.expiresAt ?? '') - Date.now();
  expect(leftMs).toBeGreaterThan(11 * HOUR_MS);
  expect(leftMs).toBeLessThanOrEqual(12 * HOUR_MS);
});

it('lets in by a group, and nobody whom no rule names or whose address is not verified', async () => {
  const ops = await login(await obtainCode('ops-1'));
  expect(ops.status).toBe(200);
  const who = await callControl(platform, '/whoami', { token: ops.said['token'] ?? '' });
  expect(JSON.parse(who.body)).toMatchObject({ role: 'deployer', apps: null });
  for (const name of ['eve', 'unverified']) {
    const refused = await login(await obtainCode(name));
    expect(refused).toMatchObject({ status: 403, said: { code: 'forbidden' } });
  }
});

it('takes no code twice, none without its verifier, and none that answers another request', async () => {
  const used = await obtainCode('ada');
  expect((await login(used)).status).toBe(200);
  expect((await login(used)).status).toBe(401);
  const stolen = await login(await obtainCode('ada'), { code_verifier: 'w'.repeat(43) });
  expect(stolen.status).toBe(401);
  const replayed = await login(await obtainCode('ada'), { nonce: 'm'.repeat(20) });
  expect(replayed).toMatchObject({
    status: 401,
    said: { detail: expect.stringContaining('is for another') },
  });
  const elsewhere = await login('x', { redirect_uri: 'https://evil.example.com/callback' });
  expect(elsewhere.status).toBe(400);
});
