import type { Snapshot } from '../protocol/snapshot.ts';
import { shareRuns } from '../std/shared-run.ts';
import type { DataPlanePort } from './ports.ts';

/** Makes what the database says the data plane's routes. */
export interface Publisher {
  /**
   * Resolves when each live data process routes by a snapshot that holds all that was committed before the call.
   * Calls that come while one is being published share the next one.
   */
  publish(): Promise<void>;
  /** Something was committed that no successful run has published: `publish` is to be tried again. */
  readonly isBehind: boolean;
}

interface Deps {
  readSnapshot(): Promise<Snapshot>;
  /** Replaces the snapshot's file whole and durably. */
  writeSnapshot(snapshot: Snapshot): Promise<void>;
  data: Pick<DataPlanePort, 'applySnapshot'>;
}

export function createPublisher(deps: Deps): Publisher {
  let isBehind = false;

  const publish = shareRuns(async () => {
    isBehind = true;
    const snapshot = await deps.readSnapshot();
    await deps.writeSnapshot(snapshot);
    await deps.data.applySnapshot(snapshot.generation);
    isBehind = false;
  });

  return {
    get isBehind() {
      return isBehind;
    },
    publish,
  };
}
