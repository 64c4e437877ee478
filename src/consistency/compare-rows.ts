import type { StoredDeployment, StoredFacts } from '../store/consistency.ts';
import { BY_ITSELF, type Finding, pushAgain } from './finding.ts';

interface Context {
  isHeld: (deploymentId: string) => boolean;
  /** Of apps with a push under way. */
  busyApps: ReadonlySet<string>;
  /** Deployments that have a sealed environment. */
  sealed: ReadonlySet<string>;
  drainMs: number;
}

/** The reconciler looks every half minute. */
const RETIRE_MARGIN_MS = 60_000;
const UNSETTLED: readonly string[] = ['queued', 'building', 'warming'];

/** Deployments, routes, names of refs and functions against each other. */
export function compareRows(rows: StoredFacts, context: Context): Finding[] {
  const names = new Map(rows.apps.map(({ id, name }) => [id, name]));
  const finding = (appId: string, message: string, remedy: string): Finding => {
    return { subject: 'rows', app: names.get(appId) ?? appId, message, remedy };
  };
  const ready = rows.deployments.filter(({ appId }) => names.has(appId));
  return [
    ...ready.flatMap((one) =>
      faultsOf(one, rows, context).map(([message, remedy]) => finding(one.appId, message, remedy)),
    ),
    ...rows.routes
      .filter(({ state }) => state !== 'live')
      .map(({ appId, kind, target, deploymentId, state }) =>
        finding(
          appId,
          `the ${kind} route ${target} leads to ${deploymentId}, which is ${state}`,
          'bring back what shall serve: fn rollback, or push again',
        ),
      ),
    ...strayNames(rows).map(({ appId, ref, slug }) =>
      finding(
        appId,
        `${ref} has the name ${slug}, and neither a release nor one under way`,
        `${pushAgain(ref)}, or delete the branch: git push fn :${ref}`,
      ),
    ),
    ...rows.missingFunctions.map(({ appId, name }) =>
      finding(
        appId,
        `production serves the function ${name}, which has no row`,
        'fn redeploy makes it',
      ),
    ),
  ];
}

function faultsOf(
  one: StoredDeployment,
  { routes }: StoredFacts,
  { isHeld, busyApps, sealed, drainMs }: Context,
): [message: string, remedy: string][] {
  const { id, state, ref } = one;
  if (UNSETTLED.includes(state)) {
    if (isHeld(id) || busyApps.has(one.appId)) return [];
    return [[`${described(one)} is ${state}, and nobody works on it`, BY_ITSELF]];
  }
  if (state === 'failed') {
    return [[`${described(one)} has failed and does not say why`, pushAgain(ref)]];
  }
  if (state === 'draining') {
    if ((one.endedForMs ?? Infinity) < drainMs + RETIRE_MARGIN_MS) return [];
    return [[`${described(one)} drains and does not come to an end`, BY_ITSELF]];
  }
  const faults: [string, string][] = [];
  if (!routes.some(({ deploymentId }) => deploymentId === id)) {
    faults.push([`${described(one)} is live, and no route leads to it`, pushAgain(ref)]);
  }
  if (one.bundle === null)
    faults.push([`${described(one)} is live without a bundle`, pushAgain(ref)]);
  if (!sealed.has(id))
    faults.push([`the environment of ${described(one)} is not sealed`, BY_ITSELF]);
  return faults;
}

function described({ id, version, ref }: StoredDeployment): string {
  return version === null ? `${id} of ${ref}` : `v${version} of ${ref}`;
}

/** Host names that a ref keeps from others, without anything that it is or becomes. */
function strayNames({ apps, slugs, recordedRefs, deployments }: StoredFacts): StoredFacts['slugs'] {
  const known = new Set(apps.map(({ id }) => id));
  const keyOf = ({ appId, ref }: { appId: string; ref: string }): string => `${appId} ${ref}`;
  const alive = new Set([
    ...recordedRefs.map(keyOf),
    ...deployments.filter(({ state }) => state !== 'failed').map(keyOf),
  ]);
  return slugs.filter((slug) => known.has(slug.appId) && !alive.has(keyOf(slug)));
}
