import type { EnvironmentChanges } from '../../deploy/index.ts';
import type { PublicAddress } from '../../model/address.ts';
import type {
  Environment,
  EnvironmentResult,
  EnvironmentVersion,
} from '../../protocol/control-client.generated.ts';
import type { EnvironmentDescription } from '../../secrets/index.ts';
import type { App } from '../../store/apps.ts';
import type { EnvironmentVersionRow } from '../../store/environment.ts';
import { presentDeployment } from '../deployments/present.ts';

type Changed = Awaited<ReturnType<EnvironmentChanges['change']>>;

export function presentEnvironment({ version, entries }: EnvironmentDescription): Environment {
  const items = entries.map(({ name, scope, kind, isBuild, value, since, setAt, setBy }) => ({
    name,
    scope,
    kind,
    build: isBuild,
    value,
    version: since,
    updatedAt: setAt.toISOString(),
    updatedBy: setBy,
  }));
  return { version, items };
}

/** For whoever may know what there is and not what it says. */
export function withoutValues(view: Environment): Environment {
  return { ...view, items: view.items.map((item) => ({ ...item, value: null })) };
}

export function presentEnvironmentVersion(row: EnvironmentVersionRow): EnvironmentVersion {
  return { ...row, createdAt: row.createdAt.toISOString() };
}

export function presentChange(
  address: PublicAddress,
  app: App,
  { changed, elapsedMs }: { changed: Changed; elapsedMs: number },
): EnvironmentResult {
  const { version, set, unset, production, previews, warnings } = changed;
  const live = production.kind === 'none' ? null : production.live;
  return {
    version,
    set,
    unset,
    production: {
      state: production.kind,
      isReleased: production.kind === 'current' && production.isReleased,
      live: live === null ? null : presentDeployment(address, app, live),
      reason: 'reason' in production ? production.reason : null,
    },
    previews,
    warnings,
    elapsedMs,
  };
}
