import type { Snapshot } from '../protocol/snapshot.ts';
import { failpoint } from '../std/failpoint.ts';
import { shareRuns } from '../std/shared-run.ts';
import type { DataPlanePort } from './ports.ts';

/** Makes what the database says the data plane's routes. */
export interface Publisher {
  /**
   * Resolves when each live data process routes by a snapshot that holds all that was committed before the call.
   * Calls that come while one is being published share the next one.
   */
  publish(): Promise<void>;
  /**
   * A transaction that changes routes has failed, and nobody knows whether it was committed: the connection may have broken
   * behind the commit.
   */
  doubt(): void;
  /** Something was committed, or may have been, that no successful run has published: `publish` is to be tried again. */
  readonly isBehind: boolean;
}

interface Deps {
  readSnapshot(): Promise<Snapshot>;
  /** Replaces the snapshot's file whole and durably. */
  writeSnapshot(snapshot: Snapshot): Promise<void>;
  data: Pick<DataPlanePort, 'applySnapshot'>;
}

export function createPublisher(deps: Deps): Publisher {
  /** Counts what is to be published, so that a run that began before does not answer for what came meanwhile. */
  let wanted = 0;
  let done = 0;

  const publish = shareRuns(async () => {
    const upTo = ++wanted;
    const snapshot = await deps.readSnapshot();
    await failpoint('routes.read');
    await deps.writeSnapshot(snapshot);
    await failpoint('routes.written');
    await deps.data.applySnapshot(snapshot.generation);
    done = Math.max(done, upTo);
  });

  return {
    get isBehind() {
      return done < wanted;
    },
    doubt: () => void (wanted += 1),
    publish,
  };
}
