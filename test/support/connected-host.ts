import { createHmac } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { GitHostKind } from '../../src/model/git-host.ts';
import type { ConnectedGitHost, GitHost } from '../../src/protocol/control-client.generated.ts';
import { ask, type Answer } from './ask.ts';
import { callControl } from './control-api.ts';
import { ACCESS_TOKEN, playGitHost, type PlayedGitHost } from './played-git-host.ts';
import { startPlatform, type Platform } from './platform.ts';
import { createRepository, type TestRepository } from './repository.ts';

/** A platform with the app `hello`, connected with a played host; its repository has the host as `origin`. */
export interface ConnectedHost extends AsyncDisposable {
  host: PlayedGitHost;
  platform: Platform;
  repository: TestRepository;
  readonly hook: ConnectedGitHost;
  /** Another connection in its place, which knows of no delivery. */
  reconnect(): Promise<void>;
  /** A webhook as the host sends it; `id` is a new one otherwise. */
  deliver(event: string, payload: object | string, id?: string): Promise<Answer>;
  /** Puts a commit whose function answers `text` on a branch of the host. */
  commit(branch: string, text: string): Promise<string>;
  /** Of a commit, as the host was told them. */
  statesOf(sha: string): unknown[];
  /** The connection, as the API shows it. */
  shown(): Promise<GitHost | undefined>;
}

export const code = (text: string): Record<string, string> => ({
  'index.js': `export const handler = async () => "${text}";`,
});

export async function connectHost(
  kind: GitHostKind,
  env: Record<string, string> = {},
): Promise<ConnectedHost> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-hosts-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const host = stack.use(await playGitHost());
  await writeFile(join(folder, 'ca.pem'), host.authority);
  await writeFile(join(folder, 'token'), ACCESS_TOKEN);
  const settings = { FN_GIT_HOSTS: host.host, FN_GIT_HOSTS_CA_FILE: join(folder, 'ca.pem') };
  const platform = stack.use(await startPlatform({ env: { ...settings, ...env } }));
  const repository = await createRepository(platform, 'hello');
  await repository.commit(code('first'));
  expect((await repository.push('main')).code).toBe(0);
  await repository.git('remote', 'add', 'origin', host.folder);
  const named = [kind, `${host.url}/ada/hello.git`, '--token-file', join(folder, 'token')];
  const connect = async (): Promise<ConnectedGitHost> => {
    const made = await repository.fn('git-hosts', 'connect', ...named, '--json');
    expect(made.code, made.output).toBe(0);
    return JSON.parse(made.output) as ConnectedGitHost;
  };
  let hook = await connect();
  const running = stack.move();
  let deliveries = 0;

  return {
    host,
    platform,
    repository,
    get hook() {
      return hook;
    },
    async reconnect() {
      expect((await repository.fn('git-hosts', 'disconnect', hook.id, '--yes')).code).toBe(0);
      hook = await connect();
    },
    deliver: (event, payload, id = `delivery-${deliveries++}`) => {
      const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
      const headers = hookHeaders(kind, { event, id, body, secret: hook.webhookSecret });
      return ask(platform, '', {
        method: 'POST',
        path: new URL(hook.hookUrl).pathname,
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
    },
    async commit(branch, text) {
      const sha = await repository.commit(code(text));
      const pushed = await repository.git('push', '-f', 'origin', `HEAD:refs/heads/${branch}`);
      expect(pushed.code).toBe(0);
      return sha;
    },
    statesOf: (sha) =>
      host.calls
        .filter(({ path }) => path.endsWith(`/statuses/${sha}`))
        .map(({ body }) => body['state']),
    async shown() {
      const { body } = await callControl(platform, '/apps/hello/git-hosts');
      return (JSON.parse(body) as { items: GitHost[] }).items[0];
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface Sent {
  event: string;
  id: string;
  body: string;
  secret: string;
}

/** As each host's documentation has them. */
function hookHeaders(kind: GitHostKind, { event, id, body, secret }: Sent): Record<string, string> {
  const mac = createHmac('sha256', secret).update(body).digest('hex');
  switch (kind) {
    case 'github':
      return {
        'x-github-event': event,
        'x-github-delivery': id,
        'x-hub-signature-256': `sha256=${mac}`,
      };
    case 'gitea':
      return { 'x-gitea-event': event, 'x-gitea-delivery': id, 'x-gitea-signature': mac };
    case 'gitlab':
      return { 'x-gitlab-event': event, 'idempotency-key': id, 'x-gitlab-token': secret };
    default:
      return kind satisfies never;
  }
}
