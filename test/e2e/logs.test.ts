import { describe, expect, it } from 'vitest';
import type { LogEntry } from '../../src/protocol/control-client.generated.ts';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();

async function deployed(app: string, code: string): Promise<TestRepository> {
  const repository = await createRepository(platform(), app);
  await repository.commit({ 'index.ts': code });
  const pushed = await repository.push('main');
  expect(pushed.code, pushed.output).toBe(0);
  return repository;
}

/** What `fn logs --json` prints, oldest first. */
async function entriesOf(repository: TestRepository, ...args: string[]): Promise<LogEntry[]> {
  const { code, output } = await repository.fn('logs', '--json', ...args);
  expect(code, output).toBe(0);
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogEntry);
}

async function untilLogged(
  repository: TestRepository,
  isThere: (entries: LogEntry[]) => boolean,
): Promise<LogEntry[]> {
  return eventually(async () => {
    const entries = await entriesOf(repository, '--limit', '1000');
    expect(entries).toSatisfy(isThere);
    return entries;
  });
}

describe('the log of an app', () => {
  it('has each line under its own request, also with several at once in one worker', async () => {
    const repository = await deployed(
      'interleaved',
      `import { EventEmitter } from 'node:events';
      const later = (ms: number) => new Promise((done) => setTimeout(done, ms));
      let waiting: (() => void)[] = [];
      const together = () => new Promise<void>((done) => {
        waiting.push(done);
        if (waiting.length === 2) for (const go of waiting.splice(0)) go();
      });
      export const handler = async (event: any) => {
        const name = event.rawPath;
        console.log('begin', name);
        await together();
        process.stdout.write('half of ' + name);
        await later(5);
        process.stdout.write(', whole\\n');
        console.group();
        console.warn('in a group', name);
        await later(5);
        console.groupEnd();
        const emitter = new EventEmitter();
        emitter.on('said', () => console.error('emitted', name));
        setTimeout(() => emitter.emit('said'), 1);
        await later(10);
        console.log(JSON.stringify({ level: 40, msg: 'structured', name }));
        return { statusCode: 200, body: name };
      };`,
    );
    const answers = await Promise.all(
      ['/a', '/b'].map((path) => ask(platform(), 'interleaved', { path })),
    );
    const entries = await untilLogged(
      repository,
      (found) => found.filter(({ kind }) => kind === 'report').length === 2,
    );
    for (const { body, headers } of answers) {
      const own = entries.filter(({ requestId }) => requestId === headers['x-request-id']);
      expect(own.map(({ level, text }) => [level, text]).slice(0, -1)).toEqual([
        ['info', `begin ${body}`],
        ['info', `half of ${body}, whole`],
        ['warn', `  in a group ${body}`],
        ['error', `emitted ${body}`],
        ['warn', `{"level":40,"msg":"structured","name":"${body}"}`],
      ]);
      expect(own.at(-2)?.fields).toEqual({ level: 40, msg: 'structured', name: body });
      expect(own.at(-1)?.text).toMatch(
        /^REPORT RequestId: [0-9a-f-]{36} Duration: \d+\.\d\d ms Billed Duration: \d+ ms Memory Size: 128 MB Max Memory Used: [1-9]\d* MB/,
      );
      expect(own.at(-1)?.fields).toMatchObject({ status: 200, outcome: 'ok', memorySizeMb: 128 });
    }
  });

  it('takes any text, and shows it without obeying it', async () => {
    const hostile = '\\u001b[2J\\u0000<img src=x onerror=alert(1)>\\u202e\\ud800%$(reboot)';
    const repository = await deployed(
      'hostile',
      `export const handler = async () => {
        console.log('${hostile}');
        console.log(JSON.stringify({ msg: '${hostile}', ['__proto__']: { admin: true } }));
        console.log('{"a":'.repeat(1500) + '1' + '}'.repeat(1500));
        console.log('one\\ntwo');
        console.log('z'.repeat(500_000_000));
        return { statusCode: 200, body: 'still here' };
      };`,
    );
    expect((await ask(platform(), 'hostile')).body).toBe('still here');
    const entries = await untilLogged(repository, (found) =>
      found.some(({ kind }) => kind === 'report'),
    );
    const lines = entries.filter(({ kind }) => kind === 'line');
    expect(lines[0]?.text).toBe(
      '\u001b[2J\ufffd<img src=x onerror=alert(1)>\u202e\ufffd%$(reboot)',
    );
    expect(lines).toHaveLength(5);
    expect(lines[3]?.text).toBe('one\ntwo');
    expect(lines[4]?.text).toMatch(/^\(5\d{8} characters, too many to be kept\)$/);
    const { output } = await repository.fn('logs');
    expect(['\u001b', '\u0000', '\u202e'].filter((one) => output.includes(one))).toEqual([]);
    expect(output).toContain('one\n    two\n');
    expect(await repository.fn('logs', '--search', 'ONERROR', '--limit', '1')).toMatchObject({
      code: 0,
    });
    expect((await repository.fn('logs', '--search', 'nowhere')).output).toContain(
      'Nothing in the log',
    );
    expect((await repository.fn('logs', '--since', 'tomorrow')).code).toBe(2);
  });

  it('says why it is empty', async () => {
    const repository = await deployed('silent', 'export const handler = async () => "hello";');
    const { code, output } = await repository.fn('logs');
    expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('console.log') });
  });

  it('shows where in the source a handler threw', async () => {
    const repository = await deployed(
      'throws',
      `interface Order { total: number }\n\nfunction totalOf(order: Order | null): number {\n  return order!.total;\n}\n\nexport const handler = async () => {\n  return { statusCode: totalOf(null) };\n};\n`,
    );
    expect((await ask(platform(), 'throws')).status).toBe(502);
    const entries = await untilLogged(repository, (found) =>
      found.some(({ kind }) => kind === 'failure'),
    );
    const failure = entries.find(({ kind }) => kind === 'failure');
    expect(failure).toMatchObject({ level: 'error', fields: { errorType: 'TypeError' } });
    expect(failure?.text.split('\n')).toEqual([
      "TypeError: Cannot read properties of null (reading 'total')",
      '    at totalOf (index.ts:4:17)',
      '    at handler (index.ts:8:24)',
    ]);
    const shown = await repository.fn('logs', '--level', 'error');
    expect(shown.output).toContain('index.ts:4:17');
  });

  it('has what child processes print, while they run and without the secrets in it', async () => {
    const repository = await deployed(
      'parent',
      `import { fork } from 'node:child_process';
      import fs from 'node:fs';
      export const handler = async () => {
        fs.writeFileSync('/tmp/child.cjs', 'console.log("token " + process.env.API_TOKEN); console.error("wrong"); setInterval(() => {}, 1000)');
        fork('/tmp/child.cjs');
        return 'forked';
      };`,
    );
    const set = await repository.fn('env', 'set', 'API_TOKEN=very-secret-value');
    expect(set.code, set.output).toBe(0);
    await eventually(async () => expect((await ask(platform(), 'parent')).status).toBe(200));
    const entries = await untilLogged(
      repository,
      (found) =>
        found.some(({ text }) => text === 'token [redacted API_TOKEN]') &&
        found.some(({ text }) => text === 'wrong'),
    );
    const printed = entries.filter(({ kind }) => kind === 'line');
    expect(printed.map(({ level, requestId }) => [level, requestId])).toContainEqual([
      'error',
      null,
    ]);
    expect(JSON.stringify(entries)).not.toContain('very-secret-value');
  });
});
