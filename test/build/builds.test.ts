import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { expect, test, vi } from 'vitest';
import { MIN_MEMORY_MIB } from '../../src/model/limits.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { createBuildHarness, MAXIMA } from './build-harness.ts';
import { startBuilderProcess, startFakeBuilder } from './builder-process.ts';
import { fixtureSource, type Source } from './source-repository.ts';

const DEADLINE_MS = 10_000;

/** A source whose tar comes when the test says so. */
function heldSource(): Source & { isOpen: Promise<void>; release(): void } {
  const source = fixtureSource('hello-typescript');
  const opened = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  return {
    tree: source.tree,
    isOpen: opened.promise,
    release: () => gate.resolve(),
    openArchive: async () => {
      opened.resolve();
      await gate.promise;
      return source.openArchive();
    },
  };
}

const encodeFrames = `
  const frame = (type, text) => {
    const payload = Buffer.from(text);
    const head = Buffer.alloc(9);
    head.writeUInt32BE(payload.length + 5, 0);
    head[4] = type;
    return Buffer.concat([head, payload]);
  };`;

test('a tree that was built is not built again, and another app does not share it', async () => {
  const harness = createBuildHarness();
  const source = fixtureSource('hello-typescript');
  const openArchive = vi.fn(source.openArchive);
  const first = await harness.build({ ...source, openArchive });
  const second = await harness.build({ ...source, openArchive });
  expect(first.answer).toMatchObject({ kind: 'built', isCached: false });
  expect(second.answer).toMatchObject({ kind: 'built', isCached: true, buildMs: 0 });
  expect(second.lines).toEqual([]);
  expect(openArchive).toHaveBeenCalledTimes(1);

  const other = await harness.build(source, { appId: 'app-other' });
  expect(other.answer).toMatchObject({ kind: 'built', isCached: false });
  const bundles = [first, second, other].map(({ answer }) => 'bundle' in answer && answer.bundle);
  expect(bundles[1]).toBe(bundles[0]);
  expect(bundles[2]).not.toBe(bundles[0]);
});

test('a bundle that was spoilt on disk is built again', async () => {
  const harness = createBuildHarness();
  const source = fixtureSource('hello-typescript');
  const { answer } = await harness.build(source);
  const bundle = answer.kind === 'built' ? answer.bundle : '';
  const file = join(harness.bundlesDir, bundle, 'main.js');
  chmodSync(file, 0o644);
  writeFileSync(file, 'evil');
  const again = await harness.build(source);
  expect(again.answer).toMatchObject({ kind: 'built', bundle, isCached: false });
  expect(await harness.bundles.verify(bundle)).toBe(true);
});

test('two pushes of one tree at the same time share one build', async () => {
  const startBuilder = vi.fn(startBuilderProcess);
  const harness = createBuildHarness({ startBuilder, maxBuilds: 2 });
  const source = heldSource();
  const first = harness.build(source);
  await source.isOpen;
  const second = harness.build(source);
  source.release();
  const [a, b] = await Promise.all([first, second]);
  expect(b.answer).toEqual(a.answer);
  expect(b.lines).toEqual(a.lines);
  expect(harness.records.size).toBe(1);
});

test('a shared build goes on while one of two wants it, and ends when nobody does', async () => {
  const harness = createBuildHarness();
  const source = heldSource();
  const [leaving, staying] = [new AbortController(), new AbortController()];
  const first = harness.build(source, { signal: leaving.signal });
  const second = harness.build(source, { signal: staying.signal });
  await source.isOpen;
  leaving.abort();
  expect((await first).answer).toEqual({ kind: 'cancelled' });
  source.release();
  expect((await second).answer.kind).toBe('built');
});

test('a shared build takes its source from who is left when the first has gone', async () => {
  const harness = createBuildHarness({ maxBuilds: 1 });
  const held = heldSource();
  const before = harness.build(held, { appId: 'app-before' });
  await held.isOpen;
  const source = fixtureSource('common-js');
  const superseded = new AbortController();
  const openGone = vi.fn(source.openArchive);
  const first = harness.build({ ...source, openArchive: openGone }, { signal: superseded.signal });
  const second = harness.build(source);
  superseded.abort();
  expect((await first).answer).toEqual({ kind: 'cancelled' });
  held.release();
  expect((await before).answer.kind).toBe('built');
  expect((await second).answer.kind).toBe('built');
  expect(openGone).not.toHaveBeenCalled();
});

test.each([
  ['no archive', async () => Promise.reject(new PlatformError('not-found', 'no archive'))],
  ['half an archive', async () => Readable.from(tornTar())],
])('a shared build whose first caller delivers %s takes it from the next', async (_, open) => {
  const harness = createBuildHarness();
  const source = fixtureSource('common-js');
  const asked = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const openArchive = async () => {
    asked.resolve();
    await goOn.promise;
    return open();
  };
  const first = harness.build({ ...source, openArchive });
  await asked.promise;
  const second = harness.build(source);
  // The second joins within a few turns: it only looks for a stored bundle before.
  setImmediate(() => goOn.resolve());
  expect((await second).answer).toMatchObject({ kind: 'built', isCached: false });
  expect((await first).answer).toEqual((await second).answer);
});

function* tornTar(): Generator<Buffer> {
  yield Buffer.alloc(100);
  throw new Error('the quarantine is gone');
}

test('a cancelled build is cancelled at once, and its builder is dead', async () => {
  const builders: Awaited<ReturnType<typeof startBuilderProcess>>[] = [];
  const harness = createBuildHarness({
    startBuilder: async () => {
      const builder = await startBuilderProcess();
      builders.push(builder);
      return builder;
    },
  });
  const source = heldSource();
  const cancel = new AbortController();
  const building = harness.build(source, { signal: cancel.signal });
  await source.isOpen;
  cancel.abort();
  expect((await building).answer).toEqual({ kind: 'cancelled' });
  expect(await builders[0]?.exited).toMatchObject({ signal: 'SIGKILL' });
  source.release();
});

test('a build that waits is told its place', async () => {
  const harness = createBuildHarness({ maxBuilds: 1 });
  const [held, other] = [heldSource(), fixtureSource('common-js')];
  const first = harness.build(held);
  await held.isOpen;
  const second = harness.build(other);
  held.release();
  expect((await first).answer.kind).toBe('built');
  const { answer, lines } = await second;
  expect(answer.kind).toBe('built');
  expect(lines[0]).toBe('       waiting for 1 other build');
});

test('a build that was cancelled while it waited gives up its place', async () => {
  const harness = createBuildHarness({ maxBuilds: 1 });
  const held = heldSource();
  const first = harness.build(held);
  await held.isOpen;
  const cancel = new AbortController();
  const second = harness.build(fixtureSource('common-js'), { signal: cancel.signal });
  cancel.abort();
  expect((await second).answer).toEqual({ kind: 'cancelled' });
  held.release();
  expect((await first).answer.kind).toBe('built');
});

test('a repository that is too large is refused with the limit, in the midst of its transfer', async () => {
  const openArchive = async () => {
    const tar = pack();
    const chunk = Buffer.alloc(1024 * 1024);
    void (async () => {
      for (let count = 0; count < 200 && !tar.destroyed; count++) {
        await new Promise<void>((resolve) => {
          tar.entry({ name: `${count}.bin` }, chunk, () => resolve());
        });
      }
      tar.finalize();
    })();
    return Readable.from(tar);
  };
  const { answer } = await createBuildHarness().build({ tree: '2'.repeat(40), openArchive });
  expect(answer).toMatchObject({
    kind: 'failed',
    problems: [{ message: "the repository's files are larger than 128 MB together" }],
  });
});

test('a repository that cannot be read is our failure, not the pusher’s', async () => {
  const harness = createBuildHarness();
  const openArchive = async () => {
    throw new Error('no such object');
  };
  const building = harness.build({ tree: '0'.repeat(40), openArchive });
  await expect(building).rejects.toMatchObject({ code: 'unavailable' });
  const tornArchive = async () => new Readable({ read: (): void => {} }).destroy(new Error('torn'));
  const torn = harness.build({ tree: '1'.repeat(40), openArchive: tornArchive });
  await expect(torn).rejects.toBeInstanceOf(PlatformError);
});

test.each([
  ['hangs', '', 'took longer than 2 seconds'],
  ['exits', 'process.exit(3)', '(exit code 3)'],
  ['kills itself', "process.kill(process.pid, 'SIGTERM')", '(signal SIGTERM)'],
  ['sends garbage', "socket.write('garbage, garbage, garbage')", 'answered what no build answers'],
  ['sends an unknown frame', 'socket.write(frame(99, ""))', 'answered what no build answers'],
  ['sends no JSON', 'socket.write(frame(7, "{"))', 'answered what no build answers'],
  [
    'names a function without its file',
    `socket.write(frame(7, JSON.stringify({ kind: 'built', runtime: 'nodejs26', warnings: [], environment: { reads: [], required: [] }, publicFiles: [], releaseCommand: null, reused: [], inputs: null,
      functions: [{ name: 'main', file: 'main.js', entry: 'a', memoryMib: 64, timeoutMs: 1, concurrency: 1, maxBodyBytes: 1 }] })))`,
    'answered what no build answers',
  ],
  [
    'asks for more memory than there may be',
    `socket.write(frame(5, '{"path":"main.js","bytes":0}'));
    socket.write(frame(7, JSON.stringify({ kind: 'built', runtime: 'nodejs26', warnings: [], environment: { reads: [], required: [] }, publicFiles: [], releaseCommand: null, reused: [], inputs: null,
      functions: [{ name: 'main', file: 'main.js', entry: 'a', memoryMib: ${MAXIMA.memoryMib + 1}, timeoutMs: 1, concurrency: 1, maxBodyBytes: 1 }] })))`,
    'answered what no build answers',
  ],
  [
    'announces more bytes than a bundle may have',
    `socket.write(frame(5, '{"path":"main.js","bytes":99999999999}'))`,
    'answered what no build answers',
  ],
  [
    'sends more bytes than announced',
    `socket.write(frame(5, '{"path":"main.js","bytes":1}')); socket.write(frame(6, 'ab'))`,
    'answered what no build answers',
  ],
  [
    'sends chunks without bytes',
    `socket.write(frame(5, '{"path":"main.js","bytes":1}')); socket.write(frame(6, ''))`,
    'answered what no build answers',
  ],
  [
    'asks for less memory than a sandbox has',
    `socket.write(frame(5, '{"path":"main.js","bytes":0}'));
    socket.write(frame(7, JSON.stringify({ kind: 'built', runtime: 'nodejs26', warnings: [], environment: { reads: [], required: [] }, publicFiles: [], releaseCommand: null, reused: [], inputs: null,
      functions: [{ name: 'main', file: 'main.js', entry: 'a', memoryMib: ${MIN_MEMORY_MIB - 1}, timeoutMs: 1, concurrency: 1, maxBodyBytes: 1 }] })))`,
    'answered what no build answers',
  ],
])(
  'a builder that %s fails the build with the reason',
  async (_, script, message) => {
    const startBuilder = () => startFakeBuilder(`${encodeFrames}\nsocket.resume();\n${script}`);
    const harness = createBuildHarness({ startBuilder, timeoutMs: 2000 });
    const { answer } = await harness.build(fixtureSource('hello-typescript'));
    expect(answer).toMatchObject({ kind: 'failed' });
    expect(JSON.stringify(answer)).toContain(message);
  },
  DEADLINE_MS,
);

test('a builder that names a file outside the bundle stores nothing', async () => {
  const startBuilder = () =>
    startFakeBuilder(`${encodeFrames}
      socket.resume();
      socket.write(frame(5, '{"path":"../main.js","bytes":0}'));
      socket.write(frame(7, JSON.stringify({ kind: 'built', runtime: 'nodejs26', warnings: [], environment: { reads: [], required: [] }, publicFiles: [], releaseCommand: null, reused: [], inputs: null, functions: [
        { name: 'main', file: '../main.js', entry: 'a', memoryMib: 64, timeoutMs: 1, concurrency: 1, maxBodyBytes: 1 }] })));`);
  const harness = createBuildHarness({ startBuilder });
  const { answer } = await harness.build(fixtureSource('hello-typescript'));
  expect(answer).toMatchObject({ kind: 'failed' });
  expect(harness.records.size).toBe(0);
});

test('what a builder says cannot control the pusher’s terminal', async () => {
  const startBuilder = () =>
    startFakeBuilder(`${encodeFrames}
      socket.resume();
      socket.write(frame(4, 'a\\u001b[2Jb\\rc\\u202ed'));
      socket.write(frame(7, JSON.stringify({ kind: 'failed', problems: [{ message: 'no \\u001b]0;x\\u0007title', at: null, frame: [] }] })));`);
  const { answer, lines } = await createBuildHarness({ startBuilder }).build(
    fixtureSource('hello-typescript'),
  );
  expect(lines).toEqual(['       abcd']);
  expect(answer).toMatchObject({ problems: [{ message: 'no title' }] });
});

test('an out-of-memory kill is named as such, with the limit', async () => {
  const harness = createBuildHarness({
    startBuilder: async () => {
      const builder = await startFakeBuilder(
        `${encodeFrames}
        socket.write(frame(34, 'npm ci'), () => process.kill(process.pid, 'SIGKILL'))`,
      );
      const exited = builder.exited.then((exit) => ({ ...exit, wasOutOfMemory: true }));
      return { ...builder, exited };
    },
  });
  const { answer } = await harness.build(fixtureSource('hello-typescript'));
  expect(JSON.stringify(answer)).toContain('ran out of memory during npm ci (limit 512 MB)');
});

test('one builder is kept ready and used for the next build', async () => {
  const startBuilder = vi.fn(startBuilderProcess);
  const harness = createBuildHarness({ startBuilder });
  harness.builds.start();
  expect(startBuilder).toHaveBeenCalledTimes(1);
  await harness.build(fixtureSource('hello-typescript'));
  await vi.waitFor(() => expect(startBuilder).toHaveBeenCalledTimes(2));
  await harness.build(fixtureSource('common-js'));
  await vi.waitFor(() => expect(startBuilder).toHaveBeenCalledTimes(3));
});
