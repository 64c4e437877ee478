/** Apps that the API makes and deletes, and functions as things of their own. */
import {
  type ActivePushes,
  createAppLives,
  createCommitPushes,
  type AppLives,
  type EnvironmentChanges,
  type Publisher,
  type PushJournal,
  type Pushes,
  type RepositoryPort,
  type Reservations,
  type SealPort,
} from '../deploy/index.ts';
import { createFunctions, type Functions, type SourcePort } from '../functions/index.ts';
import type { Domains } from '../domains/index.ts';
import type { Vault } from '../secrets/index.ts';
import type { Clock } from '../std/clock.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import type { Database } from '../store/database.ts';
import type { ControlOptions } from './start-options.ts';

interface Deps {
  db: Database;
  repository: RepositoryPort & SourcePort;
  publisher: Publisher;
  seal: SealPort;
  bundles: { remove(hash: string): Promise<void> };
  dependencyCache: { remove(appId: string): Promise<void> };
  active: ActivePushes;
  pushes: Pushes;
  reservations: Reservations;
  journal: PushJournal;
  vault: Vault;
  environmentChanges: EnvironmentChanges;
  domains: Domains;
  /** What there are certificates for may have changed. */
  lookAgain: () => void;
  /** Those of releases. */
  locks: KeyedMutex;
  clock: Clock;
  onError: (error: unknown) => void;
}

export function createControlFunctions(
  deps: Deps,
  options: Pick<ControlOptions, 'address' | 'maxMemoryMib' | 'maxTimeoutMs'>,
): { lives: AppLives; functions: Functions } {
  const lives = createAppLives({ ...deps, onEnded: deps.lookAgain });
  const functions = createFunctions({
    ...deps,
    lives,
    commits: createCommitPushes({ ...deps, lives, address: options.address }),
    values: deps.vault,
    sources: deps.repository,
    maxima: { memoryMib: options.maxMemoryMib, timeoutMs: options.maxTimeoutMs },
  });
  return { lives, functions };
}
