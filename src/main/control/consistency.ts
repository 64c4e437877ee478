/** What refs, rows, bundles, routes and sandboxes are compared from, each asked of whoever has it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { BundleStore } from '../../bundles/index.ts';
import { type Consistency, createConsistency } from '../../consistency/index.ts';
import type { Reservations, SealPort } from '../../deploy/index.ts';
import { readSnapshotFile } from '../../router/index.ts';
import type { Snapshot } from '../../protocol/snapshot.ts';
import { shareRuns } from '../../std/shared-run.ts';
import { readStoredFacts } from '../../store/consistency.ts';
import type { Database } from '../../store/database.ts';
import { readSnapshot } from '../../store/routes.ts';
import { createCensusClient } from './census-client.ts';
import type { SupervisorHost } from '../process/child-process.ts';
import type { DataPlane } from './data-plane.ts';
import type { createRepositories } from './deploy-ports.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface Deps {
  db: Database;
  repository: ReturnType<typeof createRepositories>;
  bundles: BundleStore;
  seal: SealPort;
  reservations: Pick<Reservations, 'isHeld'>;
  data: Pick<DataPlane, 'inspect'>;
  supervisor: SupervisorHost;
}

/** Longer than what moves a ref takes to release it, for one who looked in between. */
const BETWEEN_LOOKS_MS = 1_500;

export function createControlConsistency(
  { db, repository, bundles, seal, reservations, data, supervisor }: Deps,
  options: Pick<ControlOptions, 'snapshotFile' | 'previewAccess' | 'drainMs'>,
): Consistency {
  const consistency = createConsistency({
    readRows: () => readStoredFacts(db),
    isHeld: (id) => reservations.isHeld(id),
    repositories: { list: () => repository.list(), listRefs: (id) => repository.listRefs(id) },
    bundles: { list: () => bundles.list(), findDamage: (hash) => bundles.findDamage(hash) },
    sealed: { list: () => seal.list() },
    routes: {
      read: () => readSnapshot(db, options.previewAccess),
      readFile: () => readWhole(options.snapshotFile),
    },
    doors: { list: () => data.inspect() },
    sandboxes: { list: createCensusClient(supervisor) },
    wait: () => delay(BETWEEN_LOOKS_MS),
    drainMs: options.drainMs,
  });
  // It reads every bundle: who asks meanwhile gets the next answer together with the others.
  return { check: shareRuns(() => consistency.check()) };
}

/** Null when the file, or a part of it, is no snapshot. */
async function readWhole(path: string): Promise<Snapshot | null> {
  let isWhole = true;
  const snapshot = await readSnapshotFile(path, () => (isWhole = false)).catch(() => null);
  return isWhole ? snapshot : null;
}
