import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { startLogTail, untilTailHas } from '../support/log-tail.ts';
import { startPlatform } from '../support/platform.ts';
import { descendantsOf } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

const printing = (version: string): string =>
  `export const handler = async (event) => {
    console.log('${version}', event.rawPath.slice(1));
    return { statusCode: 200, body: '${version}' };
  };\n`;

async function deploy(repository: TestRepository, code: string): Promise<void> {
  await repository.commit({ 'index.js': code });
  const pushed = await repository.push('main');
  expect(pushed.code, pushed.output).toBe(0);
}

async function deployed(app: string, code: string): Promise<TestRepository> {
  const repository = await createRepository(platform(), app);
  await deploy(repository, code);
  return repository;
}

function kill(pattern: RegExp): void {
  const [found] = descendantsOf(platform().pid).filter((one) => pattern.test(one.commandLine));
  if (found === undefined) throw new Error(`nothing runs that is like ${pattern}`);
  process.kill(found.pid, 'SIGKILL');
}

async function printAll(app: string, from: number, to: number): Promise<string[]> {
  const printed: string[] = [];
  for (let number = from; number < to; number++) {
    const { status, body } = await ask(platform(), app, { path: `/${number}` });
    expect(status).toBe(200);
    printed.push(`${body} ${number}`);
  }
  return printed;
}

it('a tail begins with what there is, goes over a deploy, and tells each line once, in order', async () => {
  const repository = await deployed('followed', printing('one'));
  const printed = await printAll('followed', 0, 3);
  await eventually(async () => expect((await repository.fn('logs')).output).toContain('one 2'));
  const tail = await startLogTail(platform(), 'followed');
  await untilTailHas(tail, 'one 2');
  await deploy(repository, printing('two'));
  printed.push(...(await printAll('followed', 3, 6)));
  await untilTailHas(tail, 'two 5');
  expect(tail.lines()).toEqual(printed);
  const ids = tail.entries.map(({ id }) => Number(id));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(tail.entries.map(({ version }) => version))).toEqual(new Set([1, 2]));
  expect(await tail.end('SIGINT')).toBe('SIGINT');
});

it('control killed while a function prints: nothing is lost, and nothing told twice', async () => {
  const repository = await deployed('survives', printing('said'));
  const tail = await startLogTail(platform(), 'survives');
  const printed = await printAll('survives', 0, 5);
  await untilTailHas(tail, 'said 4');
  for (const round of [1, 2]) {
    kill(/programs\/control\.mjs$/);
    const from = 5 + (round - 1) * 40;
    printed.push(...(await printAll('survives', from, from + 40)));
    await untilTailHas(tail, `said ${from + 39}`);
  }
  expect(tail.lines()).toEqual(printed);
  expect(tail.notices()).toContain('connection was lost');
  const page = await repository.fn('logs', '--json', '--limit', '1000', '--search', 'said');
  const stored = page.output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => (JSON.parse(line) as { text: string }).text);
  expect(stored).toEqual(printed);
});

it('data killed while a function prints: what it had told control stays, and later lines follow', async () => {
  await deployed('restarts', printing('said'));
  const tail = await startLogTail(platform(), 'restarts');
  await printAll('restarts', 0, 3);
  await untilTailHas(tail, 'said 2');
  kill(/programs\/data\.mjs$/);
  await eventually(() => printAll('restarts', 3, 4));
  await untilTailHas(tail, 'said 3');
  expect(tail.lines().filter((line) => line === 'said 2')).toHaveLength(1);
});

it('a tail ends within a second of the moment when its token is revoked', async () => {
  const repository = await deployed('revoked', printing('said'));
  const made = await repository.fn('tokens', 'create', 'tail', '--role', 'viewer', '--json');
  const { id, token } = JSON.parse(made.output) as { id: string; token: string };
  const tail = await startLogTail(platform(), 'revoked', { token });
  await printAll('revoked', 0, 1);
  await untilTailHas(tail, 'said 0');
  expect(await repository.fn('tokens', 'revoke', id)).toMatchObject({ code: 0 });
  expect(await tail.ended).toBe(3);
  expect(tail.notices()).toContain('revoked');
});

it('a tail that is open does not hold up the end of the platform', async () => {
  await using other = await startPlatform();
  const repository = await createRepository(other, 'stopped');
  await deploy(repository, printing('said'));
  const tail = await startLogTail(other, 'stopped');
  expect((await ask(other, 'stopped', { path: '/1' })).status).toBe(200);
  await untilTailHas(tail, 'said 1');
  const stopping = performance.now();
  expect(await other.stop()).toBe(0);
  // Half of the time that the door gives what it has begun.
  expect(performance.now() - stopping).toBeLessThan(15_000);
});

it('the log of a foreign app looks like that of one which does not exist', async () => {
  const repository = await deployed('foreign', printing('secret'));
  await deployed('own', printing('said'));
  const made = await repository.fn(
    'tokens',
    'create',
    'own',
    '--role',
    'viewer',
    '--app',
    'own',
    '--json',
  );
  const { token } = JSON.parse(made.output) as { token: string };
  for (const query of ['', '?tail=true']) {
    const [foreign, missing] = await Promise.all(
      ['foreign', 'nobodys'].map((app) =>
        ask(platform(), '', {
          path: `/apps/${app}/logs${query}`,
          headers: { authorization: `Bearer ${token}` },
        }),
      ),
    );
    expect(foreign?.status).toBe(404);
    const told = (body = '', name: string): unknown => ({
      ...(JSON.parse(body.replaceAll(name, 'X')) as object),
      // The request's own id.
      instance: null,
    });
    expect(told(foreign?.body, 'foreign')).toEqual(told(missing?.body, 'nobodys'));
  }
});

it('server-sent events go on behind Last-Event-ID', async () => {
  await deployed('streamed', printing('said'));
  await printAll('streamed', 0, 3);
  const authorization = `Bearer ${platform().adminToken}`;
  const page = await eventually(async () => {
    const { body } = await ask(platform(), '', {
      path: '/apps/streamed/logs?search=said',
      headers: { authorization },
    });
    const { items } = JSON.parse(body) as { items: { id: string; text: string }[] };
    expect(items.map(({ text }) => text)).toEqual(['said 2', 'said 1', 'said 0']);
    return items;
  });
  const response = await fetch(`${platform().url}/apps/streamed/logs?search=said`, {
    headers: {
      authorization,
      accept: 'text/event-stream',
      'last-event-id': page[2]?.id ?? '',
    },
  });
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += new TextDecoder().decode(chunk);
    if (text.includes('said 2')) break;
  }
  expect([...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual([
    page[1]?.id,
    page[0]?.id,
  ]);
});
