import { expect, it } from 'vitest';
import { createFunctions } from '../../src/functions/index.ts';
import { StoredCommit } from '../../src/deploy/index.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import type { App } from '../../src/store/apps.ts';
import type { FunctionRow } from '../../src/store/functions.ts';

type Deps = Parameters<typeof createFunctions>[0];

/** The versions of the environment that a change with new code and values leaves, where its push ends like this. */
async function versionAfter(error: PlatformError): Promise<number> {
  let version = 1;
  const functions = createFunctions({
    values: {
      version: async () => version,
      change: async () => ({ version: ++version }),
      restore: async (_: string, to: number) => void (version = to),
    },
    commits: {
      isStored: (thrown: unknown) => thrown instanceof StoredCommit,
      push: async () => {
        throw error;
      },
    },
    sources: { readFiles: async () => ({ sha: 'a'.repeat(40), contents: [null] }) },
    maxima: { memoryMib: 1024, timeoutMs: 60_000 },
  } as unknown as Deps);
  const found = {
    app: { id: 'app-1', name: 'one', productionRef: null } as App,
    row: { name: 'main', siblings: 1, settings: { entry: 'index.ts' } } as FunctionRow,
  };
  const environment = [{ name: 'WORD', value: 'new', scope: 'all' as const }];
  const context = { by: { tokenId: 'tok-1', tokenName: 'ada' }, signal: AbortSignal.abort() };
  const change = { code: 'export default 1', environment, customDomain: null };
  await expect(functions.update(found, change, context)).rejects.toBe(error);
  return version;
}

it('values that came with code are taken back when the code is not taken', async () => {
  const output = ['it does not build'];
  expect(await versionAfter(new PlatformError('build-failed', 'ended', { output }))).toBe(1);
  expect(await versionAfter(new PlatformError('unavailable', 'ended', { output }))).toBe(1);
});

it('values stay that came with code which is stored, whatever became of its release', async () => {
  expect(await versionAfter(new StoredCommit('unavailable', 'ended'))).toBe(2);
  expect(await versionAfter(new StoredCommit('superseded', 'ended'))).toBe(2);
});
