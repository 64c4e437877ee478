import { createPublisher, type Publisher } from '../../deploy/index.ts';
import { writingTo } from '../../protocol/full-disk.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
import type { Database } from '../../store/database.ts';
import { readSnapshot } from '../../store/routes.ts';
import type { ControlCertificates } from './certificates.ts';
import type { DataPlane } from './data-plane.ts';
import type { ControlOptions } from '../process/start-options.ts';

/** Data reads the snapshot, under a uid of its own. */
const SNAPSHOT_MODE = 0o644;

interface Deps {
  db: Database;
  data: DataPlane;
  certificates: ControlCertificates | null;
}

/** Publishes routes, with certificates for what they lead to. */
export function createRoutePublisher(
  { db, data, certificates }: Deps,
  { snapshotFile, previewAccess }: Pick<ControlOptions, 'snapshotFile' | 'previewAccess'>,
): Publisher {
  return createPublisher({
    readSnapshot: async () => {
      const snapshot = await readSnapshot(db, previewAccess);
      // Before anything is routed there, so that a URL which is printed has HTTPS.
      await certificates?.local?.prepare(snapshot);
      return snapshot;
    },
    writeSnapshot: (snapshot) =>
      writingTo('routes', () =>
        writeFileAtomically(snapshotFile, JSON.stringify(snapshot), SNAPSHOT_MODE),
      ),
    data: {
      applySnapshot: async (generation) => {
        await data.applySnapshot(generation);
        // What is new there may want a certificate.
        certificates?.keeper.lookAgain();
      },
    },
  });
}
