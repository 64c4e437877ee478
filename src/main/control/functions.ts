/** Apps that the API makes and deletes, and functions as things of their own. */
import type { Access } from '../../access/index.ts';
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
} from '../../deploy/index.ts';
import { rewriteStack } from '../../build/index.ts';
import type { BundleStore } from '../../bundles/index.ts';
import {
  createFunctions,
  createInvocations,
  type Functions,
  type Invocations,
  type SourcePort,
} from '../../functions/index.ts';
import { productionHost } from '../../model/address.ts';
import { createStackResolver, type Redactors } from '../../telemetry/index.ts';
import type { DataPlane } from './data-plane.ts';
import type { Domains } from '../../domains/index.ts';
import type { Vault } from '../../secrets/index.ts';
import type { Clock } from '../../std/clock.ts';
import type { KeyedMutex } from '../../std/mutex.ts';
import type { Database } from '../../store/database.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface Deps {
  db: Database;
  repository: RepositoryPort & SourcePort;
  publisher: Publisher;
  seal: SealPort;
  bundles: Pick<BundleStore, 'remove' | 'readFile'>;
  data: Pick<DataPlane, 'invoke'>;
  redactors: Redactors;
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
  access: Pick<Access, 'endApp'>;
  /** Those of releases. */
  locks: KeyedMutex;
  clock: Clock;
  onError: (error: unknown) => void;
}

export function createControlFunctions(
  deps: Deps,
  options: Pick<ControlOptions, 'address' | 'maxMemoryMib' | 'maxTimeoutMs'>,
): { lives: AppLives; functions: Functions; invocations: Invocations } {
  const lives = createAppLives({
    ...deps,
    onEnded: (appId) => {
      deps.lookAgain();
      deps.access.endApp(appId);
    },
  });
  const functions = createFunctions({
    ...deps,
    lives,
    commits: createCommitPushes({ ...deps, lives, address: options.address }),
    values: deps.vault,
    sources: deps.repository,
    maxima: { memoryMib: options.maxMemoryMib, timeoutMs: options.maxTimeoutMs },
  });
  const stacks = createStackResolver(async (bundle, file, text) => {
    const map = await deps.bundles.readFile(bundle, `${file}.map`);
    return rewriteStack(text, Buffer.from(map).toString(), file);
  }, deps.clock);
  const hostOf = (appName: string): string => productionHost(options.address, appName);
  return { lives, functions, invocations: createInvocations({ ...deps, stacks, hostOf }) };
}
