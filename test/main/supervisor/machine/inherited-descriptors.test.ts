import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

const MODULE = resolve(
  import.meta.dirname,
  '../../../../src/main/supervisor/machine/inherited-descriptors.ts',
);

/** Lists what a child of the process inherits, before and after. */
const PROGRAM = `
import { spawnSync } from 'node:child_process';
import { closeInheritedDescriptors } from ${JSON.stringify(MODULE)};
const inherited = () => String(spawnSync('/bin/sh', ['-c', 'ls /proc/$$/fd']).stdout).split('\\n').filter(Boolean);
const before = inherited();
closeInheritedDescriptors();
process.stdout.write(JSON.stringify({ before, after: inherited() }));
`;

it('the server passes nothing on to its children that it was given beside its standard streams', async () => {
  const stdio = Array.from({ length: 31 }, (_, fd) => ([1, 30].includes(fd) ? 'pipe' : 'ignore'));
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], { stdio });
  const streams: unknown[] = child.stdio;
  const [output] = await Promise.all([text(streams[1] as Readable), once(child, 'exit')]);
  const seen = JSON.parse(output) as { before: string[]; after: string[] };
  expect(seen.before).toContain('30');
  expect(seen.after.filter((fd) => Number(fd) > 2 && Number(fd) !== 10)).toEqual([]);
});
