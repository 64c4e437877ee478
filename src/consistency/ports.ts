import type { Snapshot } from '../protocol/snapshot.ts';
import type { StoredFacts } from '../store/consistency.ts';

/** What there is, as each of those who have it sees it. Nothing here changes anything. */
export interface ConsistencyPorts {
  readRows(): Promise<StoredFacts>;
  /** Whether somebody in control still works on the deployment. */
  isHeld(deploymentId: string): boolean;
  repositories: {
    list(): Promise<string[]>;
    listRefs(appId: string): Promise<RefsOfApp>;
  };
  bundles: {
    /** With what of each is on disk long enough to be nobody's that is being made. */
    list(): Promise<{ hash: string; ageMs: number }[]>;
    /** In words, what is wrong with one that is there; null for nothing. Reads every byte. */
    findDamage(hash: string): Promise<string | null>;
  };
  sealed: {
    list(): Promise<string[]>;
  };
  routes: {
    /** What the rows come to. */
    read(): Promise<Snapshot>;
    /** What is in the file that data starts with; null when it is no snapshot. */
    readFile(): Promise<Snapshot | null>;
  };
  doors: {
    /** Those that answer, and how many there should be. */
    list(): Promise<Doors>;
  };
  sandboxes: {
    list(): Promise<HeldSandboxes>;
  };
  /** Between the two looks. */
  wait(): Promise<void>;
  drainMs: number;
}

export interface RefsOfApp {
  /** A push is under way: its refs are about to move. */
  isBusy: boolean;
  refs: { ref: string; sha: string; commit: { sha: string } }[];
  live: { name: string; sha: string }[];
}

export interface Doors {
  answered: Door[];
  expected: number;
}

/** What one data process has. */
export interface Door {
  routes: Pick<Snapshot, 'generation' | 'apps' | 'deployments'>;
  /** Sandboxes that its pool counts on. */
  slots: string[];
}

/** What the supervisor has, and the machine of it. */
export interface HeldSandboxes {
  /** With those that are being started or cleared away. */
  slots: string[];
  /** Of them, those of workers. */
  workers: string[];
  /** Names of the cgroups of sandboxes; null where there are none. */
  cgroups: string[] | null;
  /** Names of the folders that workers see as /code. */
  folders: string[];
}
