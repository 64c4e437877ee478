import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { NODE } from './support/start-front.ts';

it('a front that can start no process refuses what needs one, and lives on', async () => {
  const program = join(import.meta.dirname, 'support/without-descriptors.ts');
  const { stdout } = await promisify(execFile)('prlimit', ['--nofile=64', NODE, program]);
  expect(JSON.parse(stdout)).toEqual({
    command: 'git could not be started',
    'direct advertisement': 'git could not be started now',
    'direct run': 'git could not be started now',
    advertisement: 'git could not be started now',
    run: 'git could not be started now',
  });
});
