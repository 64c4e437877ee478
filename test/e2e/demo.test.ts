import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const DEMO = resolve(import.meta.dirname, '../../src/main/demo.ts');
const DEADLINE_MS = 55_000;

it('the demo tells the whole story by itself and leaves nothing running', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [DEMO], {
    timeout: DEADLINE_MS,
  });
  // git's own output, the build lines among it, goes to standard error.
  expect(stderr).toContain('remote: -----> Live: production v1 of hello');
  expect(stderr).toContain('pre-receive hook declined');
  expect(stdout).toContain('{"message":"Hello, World!","method":"GET","path":"/"}');
  expect(stdout).toContain('Greetings from a branch');
  expect(stdout).toMatch(/hello serves [0-9a-f]{7} Say hello again, as v5/);
  expect(stdout).toContain('All of it worked');
});
