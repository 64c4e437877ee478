/**
 * The server is told to end while all that it does is under way. What has begun is answered within the drain time, pushes are done
 * or refused in words, nothing is left of it, and the next start finds all in order.
 */
import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { remainsOf } from '../soak/leftovers.ts';
import { findTargets } from '../soak/targets.ts';
import { ask } from '../support/ask.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { eventually } from '../support/eventually.ts';
import { openFailpoints, type Failpoints } from '../support/failpoints.ts';
import { startPlatform, type Platform } from '../support/platform.ts';
import { descendantsOf, survivors } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';
import { sendSignal } from '../support/signals.ts';

const SETTLED_MS = 60_000;
const APP = 'drains';
const CLIENTS = 8;
const PIECES = 6;
const PIECE_MS = 500;

/** Slow, streaming, and taking what is uploaded; its version is told by each answer. */
const files = (version: number): Record<string, string> => ({
  'index.ts': `const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
export default async (request: Request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/upload') return new Response('v${version} ' + (await request.text()).length);
  if (pathname === '/slow') await wait(2_000);
  if (pathname !== '/stream') return new Response('v${version}');
  const stream = new ReadableStream({
    async start(controller) {
      for (let piece = 1; piece <= ${PIECES}; piece++) {
        controller.enqueue(new TextEncoder().encode(piece + ' '));
        await wait(${PIECE_MS});
      }
      controller.close();
    },
  });
  return new Response(stream);
};\n`,
});

const RELEASE_THAT_LASTS = {
  Procfile: 'release: node lasts.ts\n',
  'lasts.ts': `setTimeout(() => {}, 120_000);\nconsole.log('migrating');\n`,
};

let failpoints: Failpoints;
let platform: Platform;
let repository: TestRepository;
let version = 0;

beforeAll(async () => {
  failpoints = await openFailpoints();
  platform = await startPlatform({ env: failpoints.env });
  repository = await createRepository(platform, APP);
});

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  await failpoints?.[Symbol.asyncDispose]();
});

beforeEach(async () => {
  // Whatever became of it in the last one.
  if (version > 0) await platform.restart();
  await repository
    .commit({ ...files(++version), Procfile: null, 'lasts.ts': null })
    .catch(() => repository.commit(files(version)));
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
});

const served = async (path = '/'): Promise<string> => (await ask(platform, APP, { path })).body;

/** Half of the body now, and half when it is told to. */
async function beginUpload(): Promise<{ finish: () => Promise<string> }> {
  const request = http.request({
    port: platform.port,
    method: 'POST',
    path: '/upload',
    headers: { host: `${APP}.localhost`, 'content-length': 2_000 },
  });
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>;
  request.write('x'.repeat(1_000));
  await delay(100);
  return {
    async finish() {
      request.end('x'.repeat(1_000));
      const [response] = await answered;
      return text(response);
    },
  };
}

/** Nobody is left of those that ran, and nothing of what they had. */
async function expectNothingLeft(below: ReturnType<typeof descendantsOf>): Promise<void> {
  await eventually(() => expect(survivors(below)).toEqual([]), 5_000);
  expect(remainsOf(platform.dataDir, () => [])).toEqual([]);
}

async function expectCleanStart(expected: string): Promise<void> {
  await platform.restart();
  expect(await served()).toBe(expected);
  await becomesConsistent(platform, SETTLED_MS);
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s to the server', (signal) => {
  it('lets requests, uploads, streams and a push end', { timeout: 240_000 }, async () => {
    const next = version + 1;
    const sha = await repository.commit(files(++version));
    await failpoints.arm('build.started', 'hang');
    const pushing = repository.push('main');
    await failpoints.reached('build.started');
    const slow = Array.from({ length: CLIENTS }, () => served('/slow'));
    const stream = served('/stream');
    const upload = await beginUpload();
    const below = descendantsOf(platform.pid);

    process.kill(platform.pid, signal);
    await eventually(() => expect(platform.output()).toContain('draining'));
    await failpoints.clear();
    expect(await upload.finish()).toBe(`v${next - 1} 2000`);
    expect(await Promise.all(slow)).toEqual(slow.map(() => `v${next - 1}`));
    expect(await stream).toBe('1 2 3 4 5 6 ');
    const { code, output } = await pushing;
    expect(code, output).toBe(0);
    expect(await platform.ended()).toBe(0);
    await expectNothingLeft(below);

    await expectCleanStart(`v${next}`);
    const listed = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    expect(listed.output).toContain(sha);
  });

  it('refuses in words the push that would outlast it', { timeout: 240_000 }, async () => {
    await repository.commit({ ...files(version + 1), ...RELEASE_THAT_LASTS });
    const push = await startPush(repository, 'main');
    await eventually(() => expect(push.output()).toContain('migrating'));
    const below = descendantsOf(platform.pid);
    process.kill(platform.pid, signal);
    expect(await push.ended).not.toBe(0);
    expect(push.output()).toContain('cancelled by the server, which is stopping: push again');
    expect(push.output()).toContain('[remote rejected]');
    expect(await platform.ended()).toBe(0);
    await expectNothingLeft(below);
    await expectCleanStart(`v${version}`);
  });

  it('twice ends all at once', { timeout: 240_000 }, async () => {
    await repository.commit({ ...files(version + 1), ...RELEASE_THAT_LASTS });
    const push = await startPush(repository, 'main');
    await eventually(() => expect(push.output()).toContain('migrating'));
    const slow = served('/slow').catch(() => 'cut');
    await delay(100);
    const below = descendantsOf(platform.pid);
    process.kill(platform.pid, signal);
    await eventually(() => expect(platform.output()).toContain('draining'));
    process.kill(platform.pid, signal);
    await eventually(() => expect(survivors(below)).toEqual([]), 5_000);
    expect(await slow).toBe('cut');
    expect(await push.ended).not.toBe(0);
    await expectCleanStart(`v${version}`);
  });
});

it(
  'a process that does not drain is ended, and the server all the same',
  { timeout: 240_000 },
  async () => {
    const below = descendantsOf(platform.pid);
    await failpoints.arm('git.drain-begun', 'hang');
    expect(await platform.stop()).toBe(0);
    expect(platform.output()).toContain('git front has not drained after 35 s: ended');
    await failpoints.clear();
    await expectNothingLeft(below);
    await expectCleanStart(`v${version}`);
  },
);

it(
  'a signal to one of its processes ends nothing that was begun',
  { timeout: 240_000 },
  async () => {
    const before = (['control', 'data', 'git', 'launcher'] as const).flatMap((target) =>
      findTargets(platform.pid, target),
    );
    expect(before.length).toBe(4);
    const next = `v${version + 1}`;
    await repository.commit(files(++version));
    await failpoints.arm('build.started', 'hang');
    const pushing = repository.push('main');
    await failpoints.reached('build.started');
    const slow = served('/slow');
    await delay(100);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) {
      for (const { pid } of before) process.kill(pid, signal);
    }
    await failpoints.clear();
    expect(await slow).toBe(`v${version - 1}`);
    const { code, output } = await pushing;
    expect(code, output).toBe(0);
    expect(await served()).toBe(next);
    expect(survivors(before).length).toBe(before.length);
    await becomesConsistent(platform, SETTLED_MS);
  },
);

it('a signal to the embedded database is over by itself', { timeout: 240_000 }, async () => {
  const [postmaster] = descendantsOf(platform.pid).filter(({ commandLine }) =>
    /bin\/postgres -D/.test(commandLine),
  );
  expect(postmaster).toBeDefined();
  sendSignal(postmaster, 'SIGTERM');
  expect(await served()).toBe(`v${version}`);
  await eventually(async () => {
    expect(survivors(postmaster === undefined ? [] : [postmaster])).toEqual([]);
    const { body } = await ask(platform, '', { path: '/readyz' });
    expect(JSON.parse(body)).toMatchObject({ degraded: [] });
  }, SETTLED_MS);
  await repository.commit(files(++version));
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  await becomesConsistent(platform, SETTLED_MS);
});
