import { expect, test } from 'vitest';
import { BuilderOutput } from '../../src/build/builder-output.ts';
import { BUILDER_FRAME } from '../../src/protocol/builder.ts';
import { encodeFrame } from '../../src/protocol/framing.ts';
import { MAXIMA } from './build-harness.ts';

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
