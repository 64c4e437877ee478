import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { shellWord } from '../../src/std/shell-word.ts';

it.each(['www.example.com', '/a/b-c_d@e+f:1', '*.example.com', "it's", '$(id) `id` "x" \\', ''])(
  'the word %j comes out of a shell as it is',
  (text) => {
    const script = `printf '<%s>' ${shellWord(text)}`;
    expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(`<${text}>`);
  },
);

it('stays as it is where no shell makes anything of it', () => {
  expect(shellWord('www.example.com')).toBe('www.example.com');
  expect(shellWord('*.example.com')).toBe("'*.example.com'");
});
