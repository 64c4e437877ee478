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
  for (const header of headers) tar.entry(header, header.type === 'file' ? 'content' : '');
  tar.finalize();
  const result = await unpackSource(Readable.from(tar), root);
  return { result, made: readdirSync(outside, { recursive: true }).length - 1 };
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
