import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

/** One function that does what its path says; everything else answers 200. */
const MISBEHAVES = `
const kept = [];
export const handler = async (event) => {
  if (event.path === '/throws') throw new Error('secret detail');
  if (event.path === '/exits') process.exit(3);
  if (event.path === '/spins') for (;;);
  if (event.path === '/waits') await new Promise(() => {});
  if (event.path === '/heap') for (;;) kept.push(new Array(1e6).fill(kept.length));
  if (event.path === '/buffers') for (;;) kept.push(Buffer.alloc(8e6, 1));
  return { statusCode: 200, body: 'fine' };
};
`;

it('a function that misbehaves harms its own requests only, and the next one is served', async () => {
  const repository = await createRepository(platform(), 'bad');
  await repository.commit({ 'index.js': MISBEHAVES, 'fn.json': '{ "timeout": 2 }' });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  const neighbour = await createRepository(platform(), 'good');
  await neighbour.commit({ 'index.js': 'export const handler = async () => "neighbour";' });
  expect(await neighbour.push('main')).toMatchObject({ code: 0 });

  const expected: [string, number, RegExp][] = [
    ['/throws', 502, /^\{"error":"The function failed","requestId":"[^"]+"\}\s*$/],
    ['/exits', 502, /exit/],
    ['/waits', 504, /Task timed out after 2\.00 seconds/],
    ['/spins', 504, /Task timed out after 2\.00 seconds/],
    ['/heap', 502, /Worker ran out of memory \(limit 128 MB\)/],
    ['/buffers', 502, /Worker ran out of memory \(limit 128 MB\)/],
  ];
  for (const [path, status, body] of expected) {
    const [answer, beside] = await Promise.all([
      ask(platform(), 'bad', { path }),
      ask(platform(), 'good'),
    ]);
    expect({ path, status: answer.status }).toEqual({ path, status });
    expect(answer.body).toMatch(body);
    expect(answer.body).not.toContain('secret detail');
    expect(beside).toMatchObject({ status: 200, body: 'neighbour' });
    expect(await ask(platform(), 'bad', { path: '/' })).toMatchObject({
      status: 200,
      body: 'fine',
    });
  }
});

it('a sandbox holds nothing of the platform and reaches nothing', async () => {
  const repository = await createRepository(platform(), 'looks');
  await repository.commit({
    'index.js': `
      import fs from 'node:fs';
      import net from 'node:net';
      const attempt = (work) => { try { return work(); } catch (error) { return error.code ?? error.message; } };
      const connect = (target) => new Promise((resolve) => {
        const socket = net.connect(target);
        socket.on('connect', () => resolve('connected'));
        socket.on('error', (error) => resolve(error.code));
      });
      export const handler = async () => ({
        root: attempt(() => fs.readdirSync('/').sort()),
        parentEnvironment: attempt(() => fs.readFileSync('/proc/1/environ', 'utf8')),
        processes: attempt(() => fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).length),
        passwords: attempt(() => fs.readFileSync('/etc/shadow', 'utf8')),
        writes: attempt(() => fs.writeFileSync('/x', 'x')),
        loopback: await connect({ host: '127.0.0.1', port: ${platform().port} }),
        outside: await connect({ host: '192.0.2.1', port: 80 }),
        uid: process.getuid(),
        names: Object.keys(process.env).filter((name) => !/^(FN_|GIT_REV|HOME|NODE_ENV|PORT|AWS_|PWD|LAMBDA_|_|TZ|PATH|LANG)/.test(name)),
      });`,
  });
  const pushed = await repository.push('main');
  expect(pushed.code, pushed.output).toBe(0);
  const seen = JSON.parse((await ask(platform(), 'looks')).body) as Record<string, unknown>;
  expect(seen).toMatchObject({
    parentEnvironment: '',
    passwords: 'ENOENT',
    writes: 'EROFS',
    loopback: 'ECONNREFUSED',
    outside: 'ENETUNREACH',
    uid: 1000,
    names: [],
  });
  expect(seen['processes']).toBeLessThanOrEqual(3);
  for (const name of ['home', 'root', 'run', 'sys', 'work', 'var']) {
    expect(seen['root']).not.toContain(name);
  }
});
