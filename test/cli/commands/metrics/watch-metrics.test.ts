import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeHome, run, runFn } from '../../run-fn.ts';
import { startStubControl, TOKEN } from '../../stub-control.ts';

const FN = resolve(import.meta.dirname, '../../../../bin/fn');
const METRICS = {
  app: 'hello',
  function: null,
  deployment: null,
  metrics: { invocations: 3, refused: 0, errors: 1, coldStarts: 1, p50Duration: 2, totalCost: 0 },
  functions: [],
};
const ANSWERS = { 'GET /apps/hello/metrics': { json: METRICS } };

async function makeUser(answers: Parameters<typeof startStubControl>[0]) {
  const server = await startStubControl(answers);
  const home = makeHome();
  Object.assign(home.environment, { FN_SERVER: server.url, FN_TOKEN: TOKEN });
  return { home, server };
}

/** The first lines that a follower prints, and how it ends when it is interrupted after them. */
async function follow(args: string[], wanted: number) {
  const answers = structuredClone(ANSWERS);
  const { home, server } = await makeUser(answers);
  const child = spawn(FN, args, { cwd: home.folder, env: home.environment });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    answers['GET /apps/hello/metrics'].json.metrics.invocations += 2;
    if (lines.push(line) === wanted) break;
  }
  const ended = once(child, 'close') as Promise<[number | null, string | null]>;
  child.kill('SIGINT');
  return { lines, ended: await ended, asked: server.seen.length };
}

test('fn metrics --watch prints a line each time, with what is new, until Ctrl-C', async () => {
  const { lines, ended } = await follow(['metrics', '--app', 'hello', '--watch', '1s'], 3);
  expect(lines[0]).toMatch(/^\d\d:\d\d:\d\dZ 3 invocations, 1 errors, p50 2 ms/);
  expect(lines[1]).toContain('5 invocations (+2), 1 errors (+0)');
  expect(lines[2]).toContain('7 invocations (+2)');
  expect(ended).toEqual([null, 'SIGINT']);
});

test('fn metrics --watch --json prints a document a line', async () => {
  const { lines } = await follow(['metrics', '--app', 'hello', '--json', '--watch', '1s'], 2);
  const counts = lines.map((line) => (JSON.parse(line) as typeof METRICS).metrics.invocations);
  expect(counts).toEqual([3, 5]);
});

test('fn metrics --watch ends well when its reader has enough', async () => {
  const { home } = await makeUser(ANSWERS);
  const script = `set -o pipefail; '${FN}' metrics --app hello --watch 1s | head -n 1`;
  expect(await run(home, 'bash', ['-c', script])).toMatchObject({ code: 0, stderr: '' });
});

test('fn metrics --watch goes on when the server was away, and not when it never answered', async () => {
  const answers: Parameters<typeof startStubControl>[0] = { ...ANSWERS };
  const { home } = await makeUser(answers);
  const args = ['metrics', '--app', 'hello', '--watch', '1s'];
  const child = spawn(FN, args, { cwd: home.folder, env: home.environment });
  onTestFinished(() => void child.kill('SIGKILL'));
  const notices: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => notices.push(line));
  const away = { status: 503, json: { status: 503, code: 'unavailable', detail: 'away' } };
  const sent = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await sent.next();
  answers['GET /apps/hello/metrics'] = away;
  while (notices.length === 0) await once(child.stderr, 'data');
  answers['GET /apps/hello/metrics'] = ANSWERS['GET /apps/hello/metrics'];
  const { value } = (await sent.next()) as { value: string };
  expect(value).toContain('3 invocations (+0)');
  expect(notices).toEqual(['fn: the server does not answer; trying again', 'fn: connected again']);

  const alone = await makeUser({ 'GET /apps/hello/metrics': away });
  const failed = await runFn(alone.home, ...args);
  expect(failed).toMatchObject({ code: 6, stdout: '' });
});

test('fn metrics --watch takes times, and says so of what is none', async () => {
  const { home } = await makeUser(ANSWERS);
  const failed = await runFn(home, 'metrics', '--app', 'hello', '--watch', 'often');
  expect(failed.code).toBe(2);
  expect(failed.stderr).toContain('It is a time such as 30s');
});
