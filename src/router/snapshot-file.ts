import { readFile } from 'node:fs/promises';
import { PlatformError } from '../protocol/errors.ts';
import type { Snapshot } from '../protocol/snapshot.ts';
import { deploymentFault, snapshotFault } from './check-snapshot.ts';

/** Of one that may be anything. */
const MAX_ID_CHARACTERS = 40;

const EMPTY: Snapshot = { generation: 0, apps: [], deployments: [] };

/**
 * The snapshot that control wrote last, without the deployments that are none, of each of which `refused` is told why;
 * an empty one before the first.
 * @throws PlatformError `data-folder` that says what is wrong with the whole of it.
 */
export async function readSnapshotFile(
  path: string,
  refused: (fault: string) => void,
): Promise<Snapshot> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return EMPTY;
    throw new PlatformError('data-folder', `cannot read the route snapshot ${path}`, {
      cause: error,
    });
  }
  const snapshot = parse(text);
  const fault = snapshotFault(snapshot);
  if (fault === null) return withoutRefused(snapshot as Snapshot, refused);
  throw new PlatformError('data-folder', `${path} is no route snapshot: ${fault}`, {
    hint: 'it is written anew now, by control when it is there; if this comes again, see whether the disk is full or broken',
  });
}

function withoutRefused(snapshot: Snapshot, refused: (fault: string) => void): Snapshot {
  const ids = new Set<unknown>();
  const deployments = snapshot.deployments.filter((deployment) => {
    const { id } = deployment as { id: unknown };
    const isTwice = ids.has(id);
    const fault = isTwice ? 'the deployment is there twice' : deploymentFault(deployment);
    if (fault !== null) refused(`${String(id).slice(0, MAX_ID_CHARACTERS)}: ${fault}`);
    ids.add(id);
    return fault === null;
  });
  return { ...snapshot, deployments };
}

/** Undefined when it is no JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
