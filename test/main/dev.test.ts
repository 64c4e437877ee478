import { readdir } from 'node:fs/promises';
import net from 'node:net';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { startDev, type DevProcess } from '../support/dev-process.ts';
import { eventually } from '../support/eventually.ts';
import { descendantsOf, survivors } from '../support/processes.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function start(...given: Parameters<typeof startDev>): Promise<DevProcess> {
  const dev = await startDev(...given);
  cleanups.push(() => dev.close());
  return dev;
}

const says = (text: string): string =>
  `export default () => new Response(${JSON.stringify(text)});\n`;
const TELLS = `export default () => Response.json({ ...process.env });\n`;

async function get(dev: DevProcess, path = '/', label = '') {
  return ask({ port: await dev.port() }, label, { path });
}

describe('fn dev', () => {
  it('serves what the folder holds now, and the last good version while it is broken', async () => {
    const dev = await start({ 'index.ts': says('one') });
    expect(await get(dev)).toMatchObject({ status: 200, body: 'one' });

    await dev.next('reloaded');
    await dev.write({ 'index.ts': says('two') });
    await dev.next('reloaded');
    expect(await get(dev)).toMatchObject({ body: 'two' });

    await dev.write({ 'index.ts': 'export default () => {\n  return new Response("three";\n};\n' });
    const broken = await dev.next('broken');
    expect(broken.isServingOld).toBe(true);
    expect(broken.lines.join('\n')).toContain('index.ts:2:30');
    expect(broken.lines.join('\n')).toContain('> 2 |   return new Response("three";');
    expect(await get(dev)).toMatchObject({ body: 'two' });

    await dev.write({ 'index.ts': 'throw new Error("at start");\n' });
    const failing = await dev.next('broken');
    expect(failing.lines.join('\n')).toContain('at start');
    expect(failing.lines.join('\n')).toContain('index.ts:1:7');
    expect(await get(dev)).toMatchObject({ body: 'two' });

    await dev.write({ 'lib/text.ts': 'export const text = "four";\n' });
    await dev.write({
      'index.ts':
        'import { text } from "./lib/text.ts";\nexport default () => new Response(text);\n',
    });
    await dev.next('reloaded');
    expect(await get(dev)).toMatchObject({ body: 'four' });

    await dev.write({ 'lib/text.ts': 'export const text = "five";\n' });
    await dev.next('reloaded');
    expect(await get(dev)).toMatchObject({ body: 'five' });
  });

  it('starts with what cannot be built yet, and serves it when it can', async () => {
    const dev = await start({ 'readme.md': 'nothing yet' });
    expect((await dev.next('broken')).isServingOld).toBe(false);
    expect(await get(dev)).toMatchObject({ status: 404 });
    await dev.write({ 'index.js': says('here') });
    await dev.next('reloaded');
    expect(await get(dev)).toMatchObject({ body: 'here' });
  });

  it('gives functions the variables of .env files, those of the platform, and nothing of the shell', async () => {
    const dev = await start(
      {
        'index.ts': TELLS,
        'fn.json': '{ "env": { "FROM_MANIFEST": "yes", "A": "manifest" } }',
        '.env': 'A=env\nB=env\nC=env\nNAMED=env\nFN_APP=mine\n',
        '.env.development': 'B=development\nC=development\n',
        '.env.local': 'C="local \\nvalue" # comment\n',
      },
      { environment: { NAMED: 'shell', SECRET_OF_SHELL: 'x' } },
    );
    const environment = JSON.parse((await get(dev)).body) as Record<string, string>;
    expect(environment).toMatchObject({
      FROM_MANIFEST: 'yes',
      A: 'env',
      B: 'development',
      C: 'local \nvalue',
      NAMED: 'shell',
      NODE_ENV: 'development',
      FN_ENV: 'development',
      FN_APP: 'hello',
      FN_URL: `http://localhost:${await dev.port()}`,
      FN_DEPLOYMENT_ID: 'dev-1',
    });
    expect(Object.keys(environment)).not.toContain('SECRET_OF_SHELL');
    expect(Object.keys(environment)).not.toContain('PATH');
    expect((await dev.next('warning')).lines.join('\n')).toContain('FN_APP is reserved');

    await dev.next('reloaded');
    await dev.write({ '.env.local': 'C=changed\n' });
    await dev.next('reloaded');
    expect(JSON.parse((await get(dev)).body)).toMatchObject({ A: 'env', C: 'changed' });
  });

  it('tells of requests, of what functions print, and of where they fail', async () => {
    const dev = await start({
      'index.ts': `export default (request) => {
        console.warn('asked for', new URL(request.url).pathname);
        if (request.method === 'PUT') throw new TypeError('not today');
        return new Response('x', { status: 201 });
      };`,
    });
    await get(dev, '/a?b=c');
    expect(await dev.next('log')).toMatchObject({
      function: 'main',
      level: 'warn',
      text: 'asked for /a',
    });
    const request = await dev.next('request');
    expect(request).toMatchObject({ method: 'GET', path: '/a?b=c', status: 201 });
    await ask({ port: await dev.port() }, '', { method: 'PUT' });
    const failure = await dev.next('failure');
    expect(failure.lines[0]).toContain('TypeError: not today');
    expect(failure.lines.join('\n')).toContain('index.ts:3:');
    expect(await dev.next('request')).toMatchObject({ method: 'PUT', status: 502 });
  });

  it('takes packages from node_modules of the folder, also those that are loaded at run time', async () => {
    const dev = await start({
      'index.ts': `import { name } from 'greeter';
        const load = require;
        export default () => new Response(name + ' ' + load('./data.json').text + ' ' + load('late').name);`,
      'data.json': '{ "text": "data" }',
      'node_modules/greeter/package.json': '{ "name": "greeter", "main": "main.js" }',
      'node_modules/greeter/main.js': 'exports.name = "greeter";',
      'node_modules/late/package.json': '{ "name": "late", "main": "main.js" }',
      'node_modules/late/main.js': 'exports.name = "late";',
    });
    expect(await get(dev)).toMatchObject({ status: 200, body: 'greeter data late' });
  });

  it('serves several functions and public files, and what fn.json makes of them', async () => {
    const dev = await start({
      'functions/hello.ts': says('hello'),
      'public/index.html': '<h1>page</h1>',
    });
    expect(await get(dev)).toMatchObject({ body: '<h1>page</h1>' });
    expect(await get(dev, '/hello')).toMatchObject({ body: 'hello' });
    expect(await dev.next('reloaded')).toMatchObject({ publicFiles: 1 });
    await dev.write({ 'public/index.html': '<h1>new</h1>' });
    await dev.next('reloaded');
    expect(await get(dev)).toMatchObject({ body: '<h1>new</h1>' });
    await dev.write({ 'src/write.ts': says('written') });
    const write = { entry: 'src/write.ts', path: '/items/:id', methods: ['PUT'] };
    await dev.write({ 'fn.json': JSON.stringify({ functions: { write } }) });
    await dev.next('reloaded');
    const put = { path: '/items/1', method: 'PUT' };
    expect(await ask({ port: await dev.port() }, '', put)).toMatchObject({ body: 'written' });
    expect(await get(dev, '/items/1')).toMatchObject({ status: 405, headers: { allow: 'PUT' } });
  });

  it('answers at names of this machine only', async () => {
    const dev = await start({ 'index.ts': says('here') });
    expect(await get(dev, '/', 'any')).toMatchObject({ body: 'here' });
    const rebound = await ask({ port: await dev.port() }, '', {
      headers: { host: 'evil.example' },
    });
    expect(rebound).toMatchObject({ status: 404 });
  });

  it('takes the next free port, unless one is asked for', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    cleanups.push(() => new Promise((resolve) => taken.close(resolve)));
    const { port } = taken.address() as net.AddressInfo;
    const dev = await start(
      { 'index.ts': says('x') },
      { args: [], environment: { PORT: String(port) } },
    );
    expect(await dev.port()).toBeGreaterThan(port);
    expect((await dev.next('warning')).lines[0]).toContain(`port ${port} is in use`);
    const fixed = await start({ 'index.ts': says('x') }, { args: ['--port', String(port)] });
    expect(await fixed.exited).toEqual([1, null]);
    expect(fixed.stderr()).toContain('fn dev --port 0');
  });

  it.each([
    ['SIGINT', 0],
    ['SIGTERM', 143],
    ['SIGKILL', null],
  ] as const)('leaves no process behind at %s, though a function spins', async (signal, code) => {
    const dev = await start({
      'index.ts': `export default async (request) => {
        if (request.url.endsWith('/spin')) for (;;);
        return new Response('x');
      };`,
    });
    await get(dev);
    get(dev, '/spin').catch(() => {}); // It ends with the process.
    await dev.next('reloaded');
    const processes = descendantsOf(dev.child.pid ?? 0);
    expect(processes.length).toBeGreaterThanOrEqual(3);
    dev.child.kill(signal);
    expect((await dev.exited)[0]).toBe(code);
    await eventually(() => survivors(processes).length === 0);
    if (signal === 'SIGKILL') return;
    expect(await readdir(dirname(dev.folder))).toEqual(['hello']);
  });
});
