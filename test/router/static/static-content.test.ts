import {
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createStaticContent,
  SMALL_FILE_BYTES,
} from '../../../src/router/static/static-content.ts';
import { createStaticIndexes } from '../../../src/router/static/static-indexes.ts';
import { ask } from '../../support/ask.ts';
import { startDataPlane, type DataPlane } from '../../support/data-plane.ts';
import { eventually } from '../../support/eventually.ts';
import { deployPublic, storePublicBundle } from '../../support/public-bundle.ts';
import { RawConnection } from '../../support/raw-connection.ts';

const MIB = 1024 * 1024;
const LARGE = Buffer.alloc(24 * MIB, 'large');

/** How many descriptors of this process are open below a folder. */
async function openBelow(folder: string): Promise<number> {
  const fds = await readdir('/proc/self/fd');
  const targets = await Promise.all(
    fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  );
  return targets.filter((target) => target.startsWith(folder)).length;
}

describe('public files at the door', () => {
  let data: DataPlane;
  beforeEach(async () => {
    data = await startDataPlane({ pool: { zygotes: 0 } });
  });
  afterEach(() => data.close());

  it.each([
    ['is missing', (path: string) => rm(path)],
    ['has shrunk', (path: string) => truncate(path, 1)],
    [
      'is a symbolic link',
      async (path: string) => {
        await rm(path);
        await writeFile(`${path}.secret`, 'x'.repeat(5));
        await symlink(`${path}.secret`, path);
      },
    ],
    [
      'is a folder',
      async (path: string) => {
        await rm(path);
        await mkdir(path);
      },
    ],
  ])('answers 500 and goes on when a file %s', async (_, spoil) => {
    const { bundle } = await deployPublic(data, 'site', {
      files: { '/a.txt': 'alpha', '/b.txt': 'beta' },
    });
    await spoil(join(data.bundlesDir, bundle, 'public/a.txt'));
    const answer = await ask(data, 'site', { path: '/a.txt' });
    expect(answer).toMatchObject({ status: 500, headers: { 'x-fn-version': 'v1' } });
    expect(answer.body).not.toContain(data.folder);
    expect(data.unreadable).toHaveLength(1);
    expect(await ask(data, 'site', { path: '/b.txt' })).toMatchObject({ body: 'beta' });
    expect(await openBelow(data.bundlesDir)).toBe(0);
  });

  it('answers 500 while a bundle has no manifest, and serves it when it has', async () => {
    const bundle = await storePublicBundle(data.bundlesDir, { files: { '/a.txt': 'alpha' } });
    const manifest = join(data.bundlesDir, bundle, 'manifest.json');
    await rm(manifest);
    await writeFile(manifest, '{}');
    await deployPublic(data, 'other', { files: {} });
    const deployment = await deployPublic(data, 'site', { files: { '/b.txt': 'beta' } });
    data.route({ ...deployment, bundle });
    expect(await ask(data, 'site', { path: '/a.txt' })).toMatchObject({ status: 500 });
    await rm(join(data.bundlesDir, bundle), { recursive: true });
    expect(await ask(data, 'site', { path: '/a.txt' })).toMatchObject({ status: 500 });
    await storePublicBundle(data.bundlesDir, { files: { '/a.txt': 'alpha' } });
    expect(await ask(data, 'site', { path: '/a.txt' })).toMatchObject({ body: 'alpha' });
  });

  it('reads no faster than clients do, from one descriptor that their going frees', async () => {
    await deployPublic(data, 'site', { files: { '/large.bin': LARGE } });
    await ask(data, 'site', { path: '/none' });
    const before = process.memoryUsage().rss;
    const head = 'GET /large.bin HTTP/1.1\r\nHost: site.localhost\r\n\r\n';
    const connections = Array.from({ length: 20 }, () => new RawConnection(data.port));
    for (const connection of connections) {
      connection.socket.pause();
      connection.send(head);
    }
    await eventually(async () => (await openBelow(data.bundlesDir)) === 1);
    expect(await ask(data, 'site', { path: '/large.bin', method: 'HEAD' })).toMatchObject({
      status: 200,
    });
    // All of it would be 480 MiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
    for (const { socket } of connections) socket.destroy();
    await eventually(async () => (await openBelow(data.bundlesDir)) === 0);
    expect(data.unreadable).toEqual([]);
  });

  it('frees the descriptor of a response that waits behind another one', async () => {
    await deployPublic(data, 'site', { files: { '/large.bin': LARGE, '/other.bin': LARGE } });
    const connection = new RawConnection(data.port);
    connection.socket.pause();
    const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: site.localhost\r\n\r\n`;
    connection.send(get('/large.bin') + get('/other.bin'));
    await eventually(async () => (await openBelow(data.bundlesDir)) > 0);
    connection.socket.destroy();
    await eventually(async () => (await openBelow(data.bundlesDir)) === 0);
  });

  it('ends the connection when a file ends before its time', async () => {
    const { bundle } = await deployPublic(data, 'site', { files: { '/large.bin': LARGE } });
    const connection = new RawConnection(data.port);
    connection.socket.pause();
    connection.send('GET /large.bin HTTP/1.1\r\nHost: site.localhost\r\n\r\n');
    await eventually(async () => (await openBelow(data.bundlesDir)) === 1);
    await truncate(join(data.bundlesDir, bundle, 'public/large.bin'), MIB);
    connection.socket.resume();
    const received = await connection.closed();
    expect(received.length).toBeLessThan(LARGE.length);
    expect(data.unreadable).toHaveLength(1);
  });
});

describe('static content', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'static-content-'));
    await mkdir(join(folder, 'b'));
    for (const name of ['one', 'two', 'three']) await writeFile(join(folder, 'b', name), name);
  });
  afterEach(() => rm(folder, { recursive: true }));
  const named = (file: string) => ({ bundle: 'b', file, bytes: file.length });

  it('opens so many files at a time and no more, each once', async () => {
    const content = createStaticContent(folder, { maxKeptBytes: 0, maxOpenFiles: 2 });
    const [one, again, two] = await Promise.all(
      ['one', 'one', 'two'].map((name) => content.open(named(name))),
    );
    expect(await openBelow(folder)).toBe(2);
    await expect(content.open(named('three'))).rejects.toMatchObject({ code: 'busy' });
    one?.release();
    await expect(content.whole(named('three'))).rejects.toMatchObject({ code: 'busy' });
    expect((await again?.read(0, 9))?.toString()).toBe('one');
    again?.release();
    expect((await content.whole(named('three'))).toString()).toBe('three');
    two?.release();
    await eventually(async () => (await openBelow(folder)) === 0);
  });

  it('forgets a file that could not be opened', async () => {
    const content = createStaticContent(folder, { maxKeptBytes: 0, maxOpenFiles: 1 });
    await expect(content.open(named('none'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(content.open({ ...named('one'), bytes: 9 })).rejects.toThrow('not the one');
    await writeFile(join(folder, 'b/none'), 'none');
    expect((await content.whole(named('none'))).toString()).toBe('none');
    expect(await openBelow(folder)).toBe(0);
  });

  it('keeps what was asked for last, up to its bytes', async () => {
    const content = createStaticContent(folder, { maxKeptBytes: 1_100, maxOpenFiles: 8 });
    await content.whole(named('one'));
    await content.whole(named('two'));
    expect(content.kept(named('one'))?.toString()).toBe('one');
    await content.whole(named('three'));
    expect(content.kept(named('two'))).toBeNull();
    expect(content.kept(named('one'))?.toString()).toBe('one');
  });

  it('reads a file once for all who ask at the same time', async () => {
    const content = createStaticContent(folder);
    const [first, second] = await Promise.all([
      content.whole(named('one')),
      content.whole(named('one')),
    ]);
    expect(first).toBe(second);
    expect(SMALL_FILE_BYTES).toBeGreaterThan(first?.length ?? 0);
  });
});

describe('static indexes', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'static-indexes-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('keep those that were asked for last, up to a number of files', async () => {
    const indexes = createStaticIndexes(folder, 4);
    const bundles = await Promise.all(
      [1, 2, 3].map((number) =>
        storePublicBundle(folder, { files: { '/a.txt': String(number), '/b.txt': '' } }),
      ),
    );
    const [one = '', two = '', three = ''] = bundles;
    await indexes.load(one);
    await indexes.load(two);
    expect(indexes.kept(one)?.size).toBe(2);
    await indexes.load(three);
    expect(bundles.map((bundle) => indexes.kept(bundle) !== null)).toEqual([true, false, true]);
  });

  it.each(['..', 'b'.repeat(63), `${'b'.repeat(63)}/`, ''])(
    'refuse %j as a bundle',
    async (name) => {
      await expect(createStaticIndexes(folder).load(name)).rejects.toThrow(
        'not the name of a bundle',
      );
    },
  );

  it.each(['../x', '/etc/passwd', 'public/../../x', 'public//x', 'public/./x', 'public/x\0', ''])(
    'refuse a manifest that names %j',
    async (file) => {
      const bundle = 'c'.repeat(64);
      await mkdir(join(folder, bundle));
      const entry = { path: '/x', file, bytes: 1, sha256: 'd'.repeat(64), encodings: {} };
      const manifest = { public: [entry], files: [{ path: file, bytes: 1 }] };
      await writeFile(join(folder, bundle, 'manifest.json'), JSON.stringify(manifest));
      await expect(createStaticIndexes(folder).load(bundle)).rejects.toThrow('contradicts itself');
    },
  );
});
