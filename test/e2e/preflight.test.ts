import { describe, expect, it } from 'vitest';
import type { Environment } from '../../src/protocol/control-client.generated.ts';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { startPush } from '../support/running-push.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

/** Answers with a variable, read on its second line. */
const telling = (read: string): string =>
  `export default () => {\n  return new Response(String(${read}));\n};\n`;

/** The same, with a start that takes its time. */
const slowlyTelling = (read: string, ms: number): string =>
  `await new Promise((resolve) => setTimeout(resolve, ${ms}));\n${telling(read)}`;

async function set(app: string, value: { name: string; value: string; scope?: string }) {
  const path = `/apps/${app}/environment`;
  return callControl(platform(), path, { method: 'PATCH', body: { set: [value] } });
}

const body = async (label: string): Promise<string> => (await ask(platform(), label)).body;

describe('a push', () => {
  it('without what app.json requires is rejected with the command that sets it, and then accepted', async () => {
    const repository = await createRepository(platform(), 'required');
    const env = { API_KEY: { required: true }, REGION: 'eu', NOTE: { required: false } };
    await repository.commit({
      'index.ts': telling('process.env.API_KEY'),
      'app.json': JSON.stringify({ env }),
    });
    const refused = await repository.push('main');
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain(
      'API_KEY is not set for production: app.json requires it (read at index.ts:2)',
    );
    expect(refused.output).toContain('fn env set API_KEY=- --scope production');
    expect(refused.output).not.toMatch(/REGION|NOTE/);
    const setting = await repository.fn('env', 'set', 'API_KEY=abc', '--scope', 'production');
    expect(setting).toMatchObject({ code: 0 });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect(await body('required')).toBe('abc');
  });

  it('of a preview that lacks what production has is rejected with the place that reads it', async () => {
    const repository = await createRepository(platform(), 'lacking');
    await repository.commit({ 'index.ts': telling('process.env.QUEUE') });
    await repository.push('main');
    await set('lacking', { name: 'QUEUE', value: 'orders', scope: 'production' });
    const refused = await repository.push('main:topic');
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain(
      'QUEUE is not set for the preview of topic: it is set for production only (read at index.ts:2)',
    );
    expect(refused.output).toContain('fn env set QUEUE=- --scope preview');
    await set('lacking', { name: 'QUEUE', value: 'trial', scope: 'preview' });
    expect(await repository.push('main:topic')).toMatchObject({ code: 0 });
    expect(await body('topic--lacking')).toBe('trial');
    expect(await body('lacking')).toBe('orders');
  });

  it('whose code reads what is nowhere set is warned with the place, and not where it has a default', async () => {
    const repository = await createRepository(platform(), 'unset');
    const reads = "process.env.LEVEL + (process.env.COLOUR ?? 'red')";
    await repository.commit({ 'index.ts': telling(reads) });
    const pushed = await repository.push('main');
    expect(pushed).toMatchObject({ code: 0 });
    expect(pushed.output).toContain(
      'warning: LEVEL is not set, and index.ts:2 reads it without a default',
    );
    expect(pushed.output).not.toContain('COLOUR');
  });

  it('brings the values of fn.json, which those of the app override', async () => {
    const repository = await createRepository(platform(), 'brought');
    await repository.commit({
      'index.ts': telling('`${process.env.MODE} ${process.env.SIZE}`'),
      'fn.json': '{ "env": { "MODE": "calm", "SIZE": "small" } }',
    });
    const pushed = await repository.push('main');
    expect(pushed).toMatchObject({ code: 0 });
    expect(pushed.output).not.toContain('is not set');
    expect(await body('brought')).toBe('calm small');
    expect(await repository.fn('env', 'set', 'MODE=wild')).toMatchObject({ code: 0 });
    expect(await body('brought')).toBe('wild small');
    expect(await repository.fn('env', 'unset', 'MODE')).toMatchObject({ code: 0 });
    expect(await body('brought')).toBe('calm small');
  });

  it('goes live with the newest values, also when they came while it was built', async () => {
    const repository = await createRepository(platform(), 'meanwhile');
    await repository.commit({ 'index.ts': telling('process.env.WORD') });
    await repository.push('main');
    await repository.commit({
      'index.ts': telling('`new ${process.env.WORD}`'),
      'fn.json': '{ "build": { "command": "sleep 4" } }',
    });
    const push = await startPush(repository, 'main');
    expect(await set('meanwhile', { name: 'WORD', value: 'late' })).toMatchObject({ status: 200 });
    expect(push.output()).not.toContain('Live:');
    expect(await body('meanwhile')).toBe('late');
    expect(await push.ended).toBe(0);
    expect(push.output()).toContain('Environment  version 1');
    expect(await body('meanwhile')).toBe('new late');
  });

  it('goes live with the newest values, also when they came while its release command ran', async () => {
    const repository = await createRepository(platform(), 'overtaken');
    await repository.commit({
      'index.ts': telling('process.env.WORD'),
      Procfile: 'release: node wait.js\n',
      'wait.js': "console.log('waiting');\nsetTimeout(() => {}, 3000);\n",
    });
    const push = await startPush(repository, 'main');
    await eventually(() => push.output().includes('       waiting'));
    expect(await set('overtaken', { name: 'WORD', value: 'late' })).toMatchObject({ status: 200 });
    expect(await push.ended).toBe(0);
    await eventually(async () => expect(await body('overtaken')).toBe('late'));
  });
});

describe('a value that was stored when control is killed', () => {
  it('is served by production after its restart', async () => {
    const repository = await createRepository(platform(), 'killed');
    await repository.commit({ 'index.ts': slowlyTelling('process.env.WORD', 1500) });
    await repository.push('main');
    await set('killed', { name: 'WORD', value: 'old' });
    expect(await body('killed')).toBe('old');
    const changing = set('killed', { name: 'WORD', value: 'new' }).catch(() => null); // Its answer dies with control.
    await eventually(async () => {
      const view = await callControl(platform(), '/apps/killed/environment');
      expect((JSON.parse(view.body) as Environment).version).toBe(2);
    });
    const running = descendantsOf(platform().pid);
    const control = running.filter((one) => one.commandLine.endsWith('programs/control.mjs'));
    expect(control.length).toBeGreaterThan(0);
    for (const { pid } of control) process.kill(pid, 'SIGKILL');
    expect((await changing)?.status).not.toBe(200);
    expect(await body('killed')).toBe('old');
    await eventually(async () => expect(await body('killed')).toBe('new'), 60_000);
  });
});
