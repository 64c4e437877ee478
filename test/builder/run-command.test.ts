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

test.each([
  ['in its group', 'sleep 120 & echo done'],
  ['in a session of its own', 'setsid sleep 120 & echo done'],
])(
  'a command has ended when its process has, whatever holds its outputs: %s',
  async (_, script) => {
    const environment = { PATH: '/usr/bin:/bin' };
    const run = { title: 'build', command: ['/bin/sh', '-c', script], cwd: '/', environment };
    const { code, tail, elapsedMs } = await runCommand(run, WATCH);
    expect({ code, tail }).toEqual({ code: 0, tail: ['done'] });
    expect(elapsedMs).toBeLessThan(30_000);
  },
);
