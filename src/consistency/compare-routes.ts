import type { Snapshot, SnapshotApp } from '../protocol/snapshot.ts';
import { BY_ITSELF, type Finding } from './finding.ts';
import type { Doors } from './ports.ts';

interface Routes {
  /** What the rows come to. */
  wanted: Snapshot;
  /** Null when it is no snapshot. */
  file: Snapshot | null;
  doors: Doors;
}

/** Rows, the file that data starts with, and what each data process routes by. */
export function compareRoutes({ wanted, file, doors }: Routes): Finding[] {
  const findings =
    file === null
      ? [
          finding(
            null,
            'the file of routes cannot be read',
            'restart the server: it writes it anew',
          ),
        ]
      : differences(wanted, file, 'the file of routes');
  doors.answered.forEach(({ routes }, place) => {
    const who = doors.expected === 1 ? 'the door' : `data process ${place + 1}`;
    findings.push(...differences(wanted, routes, who));
  });
  if (doors.answered.length < doors.expected) {
    const away = doors.expected - doors.answered.length;
    findings.push(
      finding(null, `${away} of ${doors.expected} data processes do not answer`, BY_ITSELF),
    );
  }
  return findings;
}

function differences(
  wanted: Snapshot,
  found: Pick<Snapshot, 'apps' | 'deployments'>,
  who: string,
): Finding[] {
  const findings: Finding[] = [];
  const known = new Map(found.apps.map((app) => [app.name, app]));
  for (const app of wanted.apps) {
    const other = known.get(app.name);
    known.delete(app.name);
    const routes = other === undefined ? new Map<string, string>() : hostsOf(other);
    for (const [host, id] of hostsOf(app)) {
      const at = routes.get(host);
      routes.delete(host);
      if (at === id) continue;
      const instead = at === undefined ? 'nowhere' : `to ${at}`;
      findings.push(finding(app.name, `${who} leads ${host} ${instead}, not to ${id}`, BY_ITSELF));
    }
    for (const [host, id] of routes) {
      findings.push(finding(app.name, `${who} leads ${host} to ${id}, and no row does`, BY_ITSELF));
    }
    if (other === undefined) {
      findings.push(finding(app.name, `${who} does not know the app`, BY_ITSELF));
    }
  }
  for (const name of known.keys()) {
    findings.push(finding(name, `${who} knows an app that there is no row of`, BY_ITSELF));
  }
  return [...findings, ...codeDifferences(wanted, found, who)];
}

function codeDifferences(
  wanted: Snapshot,
  found: Pick<Snapshot, 'deployments'>,
  who: string,
): Finding[] {
  const bundles = new Map(found.deployments.map(({ id, bundle }) => [id, bundle]));
  return wanted.deployments.flatMap(({ id, appName, bundle }) => {
    const at = bundles.get(id);
    if (at === bundle) return [];
    const instead = at === undefined ? 'does not have' : 'has other code for';
    return [finding(appName, `${who} ${instead} the deployment ${id}`, BY_ITSELF)];
  });
}

/** Names of an app's hosts, as a person knows them, with what each leads to. */
function hostsOf({ production, slugs, commits }: SnapshotApp): Map<string, string> {
  const hosts = new Map<string, string>();
  if (production !== null) hosts.set('production', production);
  for (const [slug, id] of Object.entries(slugs)) hosts.set(`the branch or tag ${slug}`, id);
  for (const [sha, id] of Object.entries(commits)) hosts.set(`the commit ${sha.slice(0, 12)}`, id);
  return hosts;
}

function finding(app: string | null, message: string, remedy: string): Finding {
  return { subject: 'routes', app, message, remedy };
}
