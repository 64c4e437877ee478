import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FailpointName } from '../../src/std/failpoint.ts';
import { eventually } from './eventually.ts';

export type FailpointOrder = 'kill' | 'throw' | 'hang';

/** A folder of failpoints for a server that a test starts, as `env` names it. */
export interface Failpoints extends AsyncDisposable {
  env: Record<string, string>;
  /** The next that comes there, of whichever process, does so. */
  arm(name: FailpointName, order: FailpointOrder): Promise<void>;
  /** Resolves when it was reached. */
  reached(name: FailpointName, deadlineMs?: number): Promise<void>;
  /** What hangs goes on, and nothing else dies. */
  clear(): Promise<void>;
}

export async function openFailpoints(): Promise<Failpoints> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-failpoints-'));
  await chmod(folder, 0o777); // Each process of the platform has a uid of its own.
  return {
    env: { FN_TEST_FAILPOINTS: folder },
    async arm(name, order) {
      await writeFile(join(folder, name), order);
      await chmod(join(folder, name), 0o644);
    },
    async reached(name, deadlineMs) {
      await eventually(() => existsSync(join(folder, `${name}.hit`)), deadlineMs);
    },
    async clear() {
      for (const name of await readdir(folder)) await rm(join(folder, name), { force: true });
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}
