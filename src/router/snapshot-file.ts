import { readFile } from 'node:fs/promises';
import { PlatformError } from '../protocol/errors.ts';
import type { Snapshot } from '../protocol/snapshot.ts';

const EMPTY: Snapshot = { generation: 0, apps: [], deployments: [] };

/** The snapshot that control wrote last; an empty one before the first. */
export async function readSnapshotFile(path: string): Promise<Snapshot> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
    throw new PlatformError('data-folder', `cannot read the route snapshot ${path}`, {
      cause: error,
    });
  }
  try {
    const snapshot = JSON.parse(text) as Partial<Snapshot>;
    if (typeof snapshot.generation === 'number' && snapshot.apps && snapshot.deployments) {
      return snapshot as Snapshot;
    }
  } catch {
    // Told below, like any other content that is no snapshot.
  }
  throw new PlatformError('data-folder', `${path} is no route snapshot`);
}
