import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';

/** Builds that would last for ever, whoever is to blame. */
let registry: TestRegistry;
let platform: Platform;
beforeAll(async () => {
  registry = await startRegistry();
  const env = { FN_NPM_REGISTRY: registry.url, FN_BUILD_TIMEOUT: '25' };
  platform = await startPlatform({ env });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  registry.close();
});

const HANDLER = "export const handler = async () => 'built';\n";
const DEADLINE_MS = 120_000;

it(
  'one that does not end is ended whole at its deadline, and the next push is built',
  async () => {
    const repository = await createRepository(platform, 'endless');
    const sleep = 'sleep 281.4711';
    await repository.commit({
      'index.js': HANDLER,
      'fn.json': JSON.stringify({ build: { command: `setsid ${sleep} & trap '' TERM; ${sleep}` } }),
    });
    const push = await startPush(repository, 'main');
    await eventually(() => isRunning(sleep));
    expect(await push.ended, push.output()).toBe(1);
    expect(push.output()).toMatch(
      / ! {5}The build took longer than 25 seconds and was stopped: .*sleep 281\.4711 was still running *\n/,
    );
    expect(push.output()).toMatch(/ ! {5}.*the operator can raise FN_BUILD_TIMEOUT *\n/);
    await eventually(() => !isRunning(sleep));
    await expectToBuild(repository, { 'fn.json': '{}' });
  },
  DEADLINE_MS,
);

it(
  'one whose registry takes connections and stays silent says so',
  async () => {
    await registry.publish({ name: 'mute', version: '1.0.0', files: { 'index.js': '' } });
    registry.fault = 'silent';
    onTestFinished(() => void (registry.fault = 'none'));
    const repository = await createRepository(platform, 'waiting');
    await repository.commit({ 'index.js': HANDLER, ...registry.project({ mute: '1.0.0' }) });
    const push = await startPush(repository, 'main');
    expect(await push.ended, push.output()).toBe(1);
    const { host } = new URL(registry.url);
    expect(push.output()).toContain(`${host} has been asked, and has not answered for 10 s`);
    expect(push.output()).toContain('was stopped: npm ci was still running');
    registry.fault = 'none';
    await expectToBuild(repository);
  },
  DEADLINE_MS,
);

it(
  'one that its pusher has left goes on installing until it is cancelled, and is ended whole',
  async () => {
    const sleep = 'sleep 282.4711';
    await registry.publish({
      name: 'sleeper',
      version: '1.0.0',
      files: { 'index.js': '' },
      fields: { scripts: { install: sleep } },
    });
    const repository = await createRepository(platform, 'left');
    await repository.commit({ 'index.js': HANDLER, ...registry.project({ sleeper: '1.0.0' }) });
    const push = await startPush(repository, 'main');
    await push.interrupt();
    await eventually(() => isRunning(sleep));
    const cancelled = await repository.fn('cancel');
    expect(cancelled.code, cancelled.output).toBe(0);
    expect(cancelled.output).toContain('Cancelled the push of main');
    await eventually(() => !isRunning(sleep));
    const shown = await repository.fn('attach');
    expect(shown.output).toContain('cancelled by admin');
    await expectToBuild(repository, { 'package.json': null, 'package-lock.json': null });
  },
  DEADLINE_MS,
);

async function expectToBuild(
  repository: TestRepository,
  files: Record<string, string | null> = {},
): Promise<void> {
  await repository.commit(files);
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
  const app = /Live: production v\d+ of (\S+)/.exec(output)?.[1] ?? '';
  expect((await ask(platform, app)).body).toBe('built');
}

/** Sandboxes have process tables of their own; this one has them all. */
function isRunning(command: string): boolean {
  const words = command.split(' ').join('\0');
  return readdirSync('/proc').some((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'utf8').startsWith(words);
    } catch {
      return false; // It has just ended.
    }
  });
}
