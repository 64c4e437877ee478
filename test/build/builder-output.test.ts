import { expect, test } from 'vitest';
import { BuilderOutput } from '../../src/build/builder-output.ts';
import { BUILDER_FRAME, type BuildResult, MAX_CODE_BYTES } from '../../src/protocol/builder.ts';
import { encodeFrame } from '../../src/protocol/framing.ts';
import { DEFAULTS, MAXIMA } from './build-harness.ts';

const startOf = (path: string, bytes: number): Buffer =>
  encodeFrame(BUILDER_FRAME.FILE_START, 0, JSON.stringify({ path, bytes }));

test('a file that comes byte by byte is whole and takes no more memory than its size', () => {
  const output = new BuilderOutput(MAXIMA, () => {});
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
  output.push(startOf('main.js', content.length));
  for (const byte of content) {
    output.push(encodeFrame(BUILDER_FRAME.FILE, 0, Buffer.of(byte)));
  }
  output.push(startOf('empty', 0));
  const [main, empty] = output.files;
  expect(Buffer.from(main?.content ?? []).equals(content)).toBe(true);
  expect(main?.content.buffer.byteLength).toBe(content.length);
  expect(empty?.content.length).toBe(0);
});

test('an empty chunk breaks the protocol, however little it holds', () => {
  const output = new BuilderOutput(MAXIMA, () => {});
  output.push(startOf('main.js', 1));
  expect(() => output.push(encodeFrame(BUILDER_FRAME.FILE, 0, ''))).toThrow('without bytes');
});

test('of a line that is a whole frame of control sequences only the beginning is looked at', () => {
  const lines: string[] = [];
  const output = new BuilderOutput(MAXIMA, (line) => void lines.push(line));
  const payload = `first${'\u001b['.repeat(7 * 1024 * 1024)}last`;
  output.push(encodeFrame(BUILDER_FRAME.LINE, 0, payload));
  output.push(encodeFrame(BUILDER_FRAME.ACTIVITY, 0, payload));
  expect(lines).toEqual(['       first']);
  expect(output.activity).toBe('first');
});

test('code that no worker could be given breaks the protocol', () => {
  const output = new BuilderOutput(MAXIMA, () => {});
  output.push(startOf('main.js', MAX_CODE_BYTES + 1));
  const content = Buffer.alloc(MAX_CODE_BYTES + 1);
  for (let at = 0; at < content.length; at += 1024 * 1024) {
    output.push(encodeFrame(BUILDER_FRAME.FILE, 0, content.subarray(at, at + 1024 * 1024)));
  }
  const main = { name: 'main', file: 'main.js', entry: 'index.js', ...DEFAULTS };
  const result: BuildResult = {
    kind: 'built',
    runtime: 'nodejs',
    functions: [main],
    environment: { reads: [], required: [] },
    publicFiles: [],
    releaseCommand: null,
    reused: [],
    inputs: null,
    warnings: [],
  };
  const done = encodeFrame(BUILDER_FRAME.DONE, 0, JSON.stringify(result));
  expect(() => output.push(done)).toThrow('more code than a function may have');
});
