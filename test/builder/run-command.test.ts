import { expect, test } from 'vitest';
import { runCommand, wasKilled } from '../../src/builder/install/run-command.ts';

const WATCH = { report: () => {}, tellActivity: () => {} };

test.each([
  ['by itself', ['/bin/sh', '-c', 'kill -9 $$']],
  ['below a shell', ['/bin/sh', '-c', '/bin/sh -c "kill -9 \\$\\$"; exit $?']],
])('a command that the kernel ended is known as such: %s', async (_, command) => {
  const run = { title: 'build', command, cwd: '/', environment: { PATH: '/usr/bin:/bin' } };
  expect(wasKilled(await runCommand(run, WATCH))).toBe(true);
});
