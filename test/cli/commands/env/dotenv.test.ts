import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDotenv, parseDotenv } from '../../../../src/cli/commands/env/dotenv.ts';

const parse = (text: string) =>
  Object.fromEntries(parseDotenv(text, '.env').map(({ name, value }) => [name, value]));

describe('a .env file', () => {
  it.each([
    ['A=1', '1'],
    ['export A=1', '1'],
    ['  A = 1  ', '1'],
    ['A=', ''],
    ['A=x y', 'x y'],
    ['A=x # comment', 'x'],
    ['A=x#comment', 'x'],
    ['A="x # y"', 'x # y'],
    ["A='it is' # comment", 'it is'],
    ['A="one\\ntwo"', 'one\ntwo'],
    ["A='one\\ntwo'", 'one\\ntwo'],
    ['A="one\ntwo"', 'one\ntwo'],
    ['A=`"a" and \'b\'`', '"a" and \'b\''],
    ['A="say \\"hi\\""', 'say \\"hi\\"'],
    ['A=1\nA=2', '2'],
    ['A=1\r\nB=2', '1'],
    ['# A=0\n\nA=1', '1'],
    ['A=https://x/?a=b', 'https://x/?a=b'],
    ['A=x"y"', 'x"y"'],
  ])('is read: %j', (text, value) => expect(parse(text)['A']).toBe(value));

  it.each([
    ['A', 1],
    ['A=1\nnonsense here', 2],
    ['A="never closed\nB=2', 1],
    ['A="x" y', 1],
    ['=x', 1],
  ])('is refused with its line: %j', (text, line) =>
    expect(() => parseDotenv(text, '.env')).toThrow(`line ${line} of .env`),
  );

  it('reads back what was written', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const line = formatDotenv({ name: 'A', value });
        return line === null || parse(line)['A'] === value;
      }),
    );
    for (const value of ['', 'a b', ' a ', 'a#b', "it's", 'say "hi"', 'two\nlines', '\\n']) {
      expect(parse(formatDotenv({ name: 'A', value }) ?? '')['A']).toBe(value);
    }
  });
});
