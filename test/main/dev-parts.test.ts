import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseDevArguments } from '../../src/main/dev/arguments.ts';
import { createDevOutput } from '../../src/main/dev/dev-output.ts';
import { readEnvironmentFiles } from '../../src/main/dev/environment-files.ts';
import { isIgnored, watchFolder } from '../../src/main/dev/watch-folder.ts';
import { eventually } from '../support/eventually.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(await realpath(tmpdir()), 'dev-parts-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the arguments of fn dev', () => {
  it.each([
    [[], undefined, { port: 8787, isPortFixed: false, isJson: false }],
    [[], '3000', { port: 3000, isPortFixed: false, isJson: false }],
    [['--port', '1'], '3000', { port: 1, isPortFixed: true, isJson: false }],
    [['--json', '--port=0'], undefined, { port: 0, isPortFixed: false, isJson: true }],
    [['-h'], undefined, 'help'],
  ])('%j with PORT %s', (args, port, expected) => {
    expect(parseDevArguments(args, port)).toEqual(expected);
  });

  it.each([[['--port']], [['--port', '65536']], [['--port', '1e3']], [['--port=']], [['x']]])(
    '%j is refused',
    (args) => {
      expect(() => parseDevArguments(args, undefined)).toThrow(/must be a port|does not know/);
    },
  );
});

describe('.env files', () => {
  it('leave out what is too large, is a folder, or belongs to the platform', async () => {
    await writeFile(join(folder, '.env'), `A=${'x'.repeat(300 * 1024)}`);
    await mkdir(join(folder, '.env.local'));
    await writeFile(join(folder, '.env.development'), 'PATH=/x\nNODE_OPTIONS=x\nPATHS=ok\nFN=ok\n');
    const { values, warnings } = await readEnvironmentFiles(folder, { PATH: '/bin', A: 'shell' });
    expect(values).toEqual({ PATHS: 'ok', FN: 'ok' });
    expect(warnings).toHaveLength(3);
  });
});

describe('the watch of a folder', () => {
  it('sees folders that come, and those that come again', async () => {
    await mkdir(join(folder, 'node_modules/a'), { recursive: true });
    await mkdir(join(folder, '.git'));
    await mkdir(join(folder, 'src'));
    await symlink(folder, join(folder, 'src/loop'));
    let changes = 0;
    const watch = watchFolder(folder, () => changes++);
    const seen = async (act: () => Promise<unknown>): Promise<void> => {
      const before = changes;
      await act();
      await eventually(() => changes > before);
    };
    await seen(() => writeFile(join(folder, 'src/a.ts'), '1'));
    await seen(() => mkdir(join(folder, 'lib/deep'), { recursive: true }));
    await seen(() => writeFile(join(folder, 'lib/deep/b.ts'), '1'));
    await seen(() => rename(join(folder, 'lib'), join(folder, 'old')));
    await seen(() => rm(join(folder, 'old'), { recursive: true }));
    await seen(() => mkdir(join(folder, 'lib/deep'), { recursive: true }));
    await seen(() => writeFile(join(folder, 'lib/deep/b.ts'), '2'));
    await seen(() => writeFile(join(folder, '.env'), '1'));
    expect(watch.isComplete).toBe(true);
    watch.close();
  });
});

describe('a change of a file', () => {
  it.each(['.git', '.hidden', 'a.ts~', '.a.ts.swp', '4913', '.#a.ts', 'x.tmp'])(
    '%s is ignored',
    (name) => {
      expect(isIgnored(name)).toBe(true);
    },
  );

  it.each(['.env', '.env.local', 'a.ts', 'fn.json', 'node_modules', 'tmp'])('%s counts', (name) => {
    expect(isIgnored(name)).toBe(false);
  });
});

describe('what fn dev prints', () => {
  it('is dropped and counted while nobody reads it', () => {
    const stream = {
      writableLength: 0,
      text: '',
      write: (text: string) => void (stream.text += text),
    };
    const output = createDevOutput(stream, false);
    const request = {
      type: 'request',
      method: 'GET',
      path: '/\u001b[2J',
      status: 200,
      ms: 1,
    } as const;
    output(request);
    stream.writableLength = 10_000_000;
    output(request);
    output(request);
    stream.writableLength = 0;
    output(request);
    expect(stream.text).toBe(
      'GET / 200 1 ms\n2 lines were dropped: nobody read them\nGET / 200 1 ms\n',
    );
  });
});
