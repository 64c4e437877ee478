import { unaskedSecretReason, type Scope, type ValueChange } from '../model/environment.ts';
import { shortRefName } from '../model/slug.ts';
import { PlatformError } from '../protocol/errors.ts';
import { failpoint } from '../std/failpoint.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { listLiveOfApp } from '../store/environment-deployments.ts';
import { describeMissing } from './describe-preflight.ts';
import type { CaughtUp, EnvironmentReleases } from './environment-releases.ts';
import type { Environments } from './environments.ts';
import type { ChangePort, EnvironmentChange } from './ports.ts';

/** Changes an app's environment and brings it to all that serves, without a build. */
export interface EnvironmentChanges {
  /**
   * All changes become one environment version, or none does. Code that does not start with it is an outcome, not an
   * error: the change is kept.
   * @throws PlatformError bad-request, too-large, not-found, disk-full
   */
  change(
    app: App,
    changes: Parameters<ChangePort['change']>[1],
    by: { tokenId: string },
  ): Promise<ChangedEnvironment>;
}

interface ChangedEnvironment extends EnvironmentChange, CaughtUp {
  /** What live code reads and will miss, and what became a secret unasked. */
  warnings: string[];
}

interface Deps {
  db: Database;
  vault: ChangePort;
  environments: Environments;
  environmentReleases: EnvironmentReleases;
  /** @throws PlatformError disk-full where there is none to bring a change to what serves */
  requireRoom: () => Promise<void>;
}

export function createEnvironmentChanges(deps: Deps): EnvironmentChanges {
  const { db, vault, environments, environmentReleases } = deps;

  /** Names that the change took away and that something live reads. */
  async function missedBy(app: App, { unset, version }: EnvironmentChange): Promise<string[]> {
    if (unset.length === 0) return [];
    const gone = new Set(unset.map(({ name }) => name));
    const warnings = new Set<string>();
    for (const live of await listLiveOfApp(db, app.id)) {
      if (live.bundle === null) continue;
      const target = { kind: live.kind, ref: live.ref };
      const found = await environments.check({ ...live, bundle: live.bundle }, version);
      for (const missing of found.missing) {
        if (gone.has(missing.name)) warnings.add(describeMissing(missing, target));
      }
      for (const { name, file, line } of found.unset) {
        if (gone.has(name))
          warnings.add(`${file}:${line} reads ${name}, which is not set any more`);
      }
    }
    return [...warnings];
  }

  return {
    async change(app, changes, by) {
      for (const { scope } of changes) refuseProductionBranch(app, scope);
      await deps.requireRoom();
      const changed = await vault.change(app.id, changes, by);
      await failpoint('environment.changed');
      const missed = await missedBy(app, changed);
      const secret = changes
        .filter((one) => isSecretIn(changed, one))
        .map((one) => unaskedSecretReason(one))
        .filter((reason) => reason !== null);
      const warnings = [...secret, ...missed];
      const caughtUp = await environmentReleases.catchUp(app, by);
      return { ...changed, ...caughtUp, warnings };
    },
  };
}

function isSecretIn({ set }: EnvironmentChange, { name, scope }: ValueChange): boolean {
  return set.some((one) => one.name === name && one.scope === scope && one.kind === 'secret');
}

/** Its deployments run with the production environment, so that a value for the branch would do nothing. */
function refuseProductionBranch({ productionRef }: App, scope: Scope): void {
  if (productionRef === null || scope !== `branch:${shortRefName(productionRef)}`) return;
  throw new PlatformError(
    'bad-request',
    `${shortRefName(productionRef)} is the production branch, which has the production environment`,
    { hint: 'nothing was changed; use: --scope production' },
  );
}
