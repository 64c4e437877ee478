import { describe, expect, it } from 'vitest';
import type {
  Environment,
  EnvironmentResult,
} from '../../src/protocol/control-client.generated.ts';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

/** Answers what it was asked for of its environment, as it was when the worker started. */
const TELLER = `export default (request) => {
  const name = new URL(request.url).pathname.slice(1);
  return new Response(process.env[name] ?? 'unset');
};
`;

async function change(app: string, body: unknown): Promise<EnvironmentResult> {
  const path = `/apps/${app}/environment`;
  const answer = await callControl(platform(), path, { method: 'PATCH', body });
  expect(answer).toMatchObject({ status: 200 });
  return JSON.parse(answer.body) as EnvironmentResult;
}

async function told(label: string, name: string): Promise<string> {
  return (await ask(platform(), label, { path: `/${name}` })).body;
}

describe('a change of the environment', () => {
  it('is live in production at once, as a new deployment of the same bundle', async () => {
    const repository = await createRepository(platform(), 'teller');
    await repository.commit({ 'index.ts': TELLER });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    expect(await told('teller', 'GREETING')).toBe('unset');
    const changed = await change('teller', { set: [{ name: 'GREETING', value: 'hello' }] });
    expect(changed).toMatchObject({
      version: 1,
      set: [{ name: 'GREETING', scope: 'all', kind: 'plain' }],
      production: { state: 'current', isReleased: true, live: { version: 2, envVersion: 1 } },
    });
    expect(await told('teller', 'GREETING')).toBe('hello');
    expect(await told('teller', 'FN_ENV_VERSION')).toBe('1');
    expect(await told('teller', 'FN_VERSION')).toBe('v2');
    const again = await change('teller', { set: [{ name: 'GREETING', value: 'hello' }] });
    expect(again).toMatchObject({ version: 1, production: { isReleased: false } });
  });

  it('reaches only the deployments of its scope, the nearest one first', async () => {
    const repository = await createRepository(platform(), 'scopes');
    await repository.commit({ 'index.ts': TELLER });
    await repository.push('main', 'main:one', 'main:two');
    await change('scopes', {
      set: [
        { name: 'PLACE', value: 'everywhere' },
        { name: 'PLACE', value: 'production', scope: 'production' },
        { name: 'PLACE', value: 'one', scope: 'branch:one' },
      ],
    });
    expect(await told('scopes', 'PLACE')).toBe('production');
    expect(await told('one--scopes', 'PLACE')).toBe('one');
    expect(await told('two--scopes', 'PLACE')).toBe('everywhere');
    const changed = await change('scopes', {
      set: [{ name: 'PLACE', value: 'preview', scope: 'preview' }],
    });
    expect(changed).toMatchObject({ production: { isReleased: false } });
    expect(await told('scopes', 'PLACE')).toBe('production');
    expect(await told('one--scopes', 'PLACE')).toBe('one');
    expect(await told('two--scopes', 'PLACE')).toBe('preview');
  });

  it('is kept when the code does not start with it, while production serves on', async () => {
    const repository = await createRepository(platform(), 'picky');
    const code = `if (process.env.MODE === 'bad') throw new Error('no such mode');\n${TELLER}`;
    await repository.commit({ 'index.ts': code });
    await repository.push('main');
    const changed = await change('picky', { set: [{ name: 'MODE', value: 'bad' }] });
    expect(changed).toMatchObject({
      version: 1,
      production: {
        state: 'failed',
        live: { version: 1 },
        reason: expect.stringContaining('mode'),
      },
    });
    expect(await told('picky', 'MODE')).toBe('unset');
    await change('picky', { set: [{ name: 'MODE', value: 'good' }] });
    expect(await told('picky', 'MODE')).toBe('good');
  });

  it('is refused when a value is no text', async () => {
    const repository = await createRepository(platform(), 'literal');
    await repository.commit({ 'index.ts': TELLER });
    await repository.push('main');
    const path = '/apps/literal/environment';
    for (const value of [null, 12, true, ['text']]) {
      const put = { method: 'PUT', body: { value } };
      expect(await callControl(platform(), `${path}/A`, put)).toMatchObject({ status: 400 });
      const patch = { method: 'PATCH', body: { set: [{ name: 'A', value }] } };
      expect(await callControl(platform(), path, patch)).toMatchObject({ status: 400 });
    }
    const { body } = await callControl(platform(), path);
    expect(JSON.parse(body)).toEqual({ version: 0, items: [] });
  });

  it('is not lost among others at the same time', async () => {
    const repository = await createRepository(platform(), 'crowd');
    await repository.commit({ 'index.ts': TELLER });
    await repository.push('main');
    const names = Array.from({ length: 8 }, (_, index) => `VALUE_${index}`);
    await Promise.all(
      names.map((name) => change('crowd', { set: [{ name, value: `of ${name}` }] })),
    );
    for (const name of names) expect(await told('crowd', name)).toBe(`of ${name}`);
    const view = JSON.parse(
      (await callControl(platform(), '/apps/crowd/environment')).body,
    ) as Environment;
    expect(view.version).toBe(8);
    expect(view.items.map((item) => item.name)).toEqual(names);
  });
});
