import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { readProcessOutput } from '../../src/std/process-output.ts';
import { eventually } from '../support/eventually.ts';

function open() {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const output = readProcessOutput(stdout, stderr);
  const lines: { source: string; text: string; dropped: number }[] = [];
  output.listen((source, line) => void lines.push({ source, ...line }));
  const end = async (): Promise<string> => {
    stdout.end();
    stderr.end();
    return output.finish();
  };
  return { stdout, stderr, lines, end };
}

it('gives lines in order, whole characters, and what has no end at the end', async () => {
  const { stdout, stderr, lines, end } = open();
  const snowman = Buffer.from('☃ one\r\n\n two\nthree');
  stdout.write(snowman.subarray(0, 1));
  stdout.write(snowman.subarray(1));
  stderr.write(Buffer.from([0xff, 0x0a]));
  expect(await end()).toBe('\ufffd\n');
  expect(lines).toEqual([
    { source: 'stdout', text: '☃ one', dropped: 0 },
    { source: 'stdout', text: ' two', dropped: 0 },
    { source: 'stderr', text: '\ufffd', dropped: 0 },
    { source: 'stdout', text: 'three', dropped: 0 },
  ]);
});

it('tells a line that has no end after a while', async () => {
  const { stdout, lines } = open();
  stdout.write('Continue? ');
  await eventually(() => lines[0]?.text === 'Continue?');
});

it('cuts a long line between words, so that no half of a secret is left, and keeps going', async () => {
  const { stdout, lines, end } = open();
  const secret = 's'.repeat(100);
  stdout.write(`${'word '.repeat(1_630)}${secret}${secret}`);
  for (let i = 0; i < 100; i++) stdout.write('y'.repeat(10_000));
  stdout.write(`\n${'z'.repeat(20_000)}\nafter\n`);
  await end();
  expect(lines.map(({ text }) => text)).toEqual([
    expect.stringMatching(/^(word ?)+… \(1008350 characters\)$/),
    '(20000 characters, too many to be kept)',
    'after',
  ]);
});

it('counts the lines that are more than anybody reads', async () => {
  const { stdout, lines, end } = open();
  stdout.write('y\n'.repeat(50_000));
  await end();
  expect(lines.reduce((sum, { text, dropped }) => sum + (text === '' ? 0 : 1) + dropped, 0)).toBe(
    50_000,
  );
  expect(lines.length).toBeLessThan(3_000);
});
