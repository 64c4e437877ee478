import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { expect, onTestFinished, test } from 'vitest';
import { unpackSource } from '../../src/builder/unpack.ts';
import { MAX_SOURCE_FILES } from '../../src/protocol/builder.ts';

type Header = Parameters<ReturnType<typeof pack>['entry']>[0];

async function unpack(...headers: Header[]) {
  const outside = mkdtempSync(join(tmpdir(), 'unpack-'));
  onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
  const root = mkdtempSync(join(outside, 'root-'));
  const tar = pack();
  for (const header of headers)
    tar.entry(header, header.type === 'file' ? contentOf(header.name) : '');
  tar.finalize();
  const result = await unpackSource(Readable.from(tar), root);
  return { result, made: readdirSync(outside, { recursive: true }).length - 1 };
}

const POINTER = `version https://git-lfs.github.com/spec/v1
oid sha256:${'a'.repeat(64)}
size 12345
`;

/** Files whose names say so are pointers of Git LFS, or nearly. */
function contentOf(name: string): string {
  if (name.startsWith('crlf')) return POINTER.replaceAll('\n', '\r\n');
  if (name.startsWith('old')) return POINTER.replace('git-lfs.github', 'hawser.github');
  if (name.startsWith('extended'))
    return POINTER.replace('oid', `ext-0-x sha256:${'b'.repeat(64)}\noid`);
  if (name.startsWith('about')) return `A pointer:\n${POINTER}`;
  if (name.startsWith('long')) return POINTER + 'x'.repeat(1024);
  return name.startsWith('pointer') ? POINTER : 'content';
}

const file = (name: string): Header => ({ name, type: 'file' });
const link = (name: string, linkname: string): Header => ({ name, type: 'symlink', linkname });

test('files and folders are written', async () => {
  const { result, made } = await unpack(file('a/b.ts'), file('c.ts'));
  expect(result).toMatchObject({ kind: 'unpacked', files: 2, bytes: 14 });
  expect(made).toBe(3);
});

test.each<[string, Header[]]>([
  ['a path that climbs out', [file('../evil')]],
  ['a path that climbs out on a detour', [file('a/../../evil')]],
  ['an absolute path', [file('/tmp/evil')]],
  ['a path that is too long', [file(`${'long/'.repeat(300)}a`)]],
  ['a part of a path that is too long', [file('x'.repeat(300))]],
  ['a device', [{ name: 'disk', type: 'block-device' }]],
  ['a hard link', [{ name: 'hard', type: 'link', linkname: 'a' }]],
  ['a link behind a link', [link('a', '/tmp'), link('a/b', 'c')]],
])('%s is refused, and nothing is written', async (_, headers) => {
  const { result, made } = await unpack(...headers);
  expect(result.kind).toBe('failed');
  expect(made).toBe(0);
});

test('more files than a repository may have are refused', async () => {
  const headers = Array.from({ length: MAX_SOURCE_FILES + 1 }, (_, index) =>
    link(`l${index}`, 'x'),
  );
  const { result } = await unpack(...headers);
  expect(result).toMatchObject({ kind: 'failed' });
});

test.each(['pointer.png', 'crlf.png', 'old.png', 'extended.png'])(
  '%s, which stands for a file that lies elsewhere, is refused by name',
  async (name) => {
    const { result } = await unpack(file('index.ts'), file(name));
    expect(result).toEqual({
      kind: 'failed',
      problems: [
        {
          message: `"${name}" is a pointer of Git LFS: the content lies outside this repository and is not fetched`,
          hint: expect.stringContaining('git lfs untrack PATTERN'),
          at: null,
          frame: [],
        },
      ],
    });
  },
);

test('of many pointers a few are named and the others counted', async () => {
  const names = Array.from({ length: 300 }, (_, index) => `pointer-${index}`);
  const { result } = await unpack(...names.map(file));
  const [problem] = result.kind === 'failed' ? result.problems : [];
  expect(problem?.message).toContain('"pointer-4", 295 more are pointers of Git LFS');
});

test('what only speaks of pointers is a file like any other', async () => {
  const { result } = await unpack(file('about-lfs.md'), file('long.md'), file('.lfsconfig'));
  expect(result).toMatchObject({ kind: 'unpacked', files: 3 });
});
