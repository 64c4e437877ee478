import { shortSha } from '../protocol/display.ts';
import type { StoredFacts } from '../store/consistency.ts';
import { BY_ITSELF, type Finding, pushAgain } from './finding.ts';
import type { RefsOfApp } from './ports.ts';

type App = StoredFacts['apps'][number];

/** Branches and tags of an app's repository against what was released of them, and `refs/live/*` against its routes. */
export function compareRefs(app: App, found: RefsOfApp, rows: StoredFacts): Finding[] {
  if (found.isBusy) return [];
  const finding = (message: string, remedy: string): Finding => {
    return { subject: 'refs', app: app.name, message, remedy };
  };
  const recorded = new Map(
    rows.recordedRefs.filter(({ appId }) => appId === app.id).map(({ ref, sha }) => [ref, sha]),
  );
  const findings: Finding[] = [];
  for (const { ref, commit } of found.refs) {
    const sha = recorded.get(ref);
    recorded.delete(ref);
    if (sha === commit.sha) continue;
    const last = sha === undefined ? 'was never released' : `was released last at ${shortSha(sha)}`;
    findings.push(finding(`${ref} is at ${shortSha(commit.sha)} and ${last}`, BY_ITSELF));
  }
  for (const [ref, sha] of recorded) {
    findings.push(
      finding(
        `${ref} is gone from the repository, and its release of ${shortSha(sha)} stays`,
        `${BY_ITSELF}; or ${pushAgain(ref)}`,
      ),
    );
  }
  return [...findings, ...compareLiveRefs(found, liveCommits(app, rows)).map(toFinding)];

  function toFinding(message: string): Finding {
    return finding(message, BY_ITSELF);
  }
}

function compareLiveRefs({ live }: RefsOfApp, wanted: Map<string, string>): string[] {
  const shown = new Map(live.map(({ name, sha }) => [name, sha]));
  return [...new Set([...wanted.keys(), ...shown.keys()])].flatMap((name) => {
    const sha = wanted.get(name);
    const at = shown.get(name);
    if (sha === at) return [];
    if (sha === undefined) return [`${name} is there, and nothing is served by that name`];
    return [
      `${name} is ${at === undefined ? 'missing' : `at ${shortSha(at)}`}, not at ${shortSha(sha)}`,
    ];
  });
}

function liveCommits(app: App, { routes, deployments }: StoredFacts): Map<string, string> {
  const commits = new Map(deployments.map(({ id, commit }) => [id, commit]));
  return new Map(
    routes.flatMap(({ appId, kind, target, deploymentId }) => {
      const commit = commits.get(deploymentId);
      if (appId !== app.id || kind === 'commit' || commit === undefined) return [];
      const name = kind === 'production' ? 'refs/live/production' : `refs/live/preview/${target}`;
      return [[name, commit]];
    }),
  );
}

/** Repositories and rows of apps, one for one; an app without a push has none yet. */
export function compareRepositories(appIds: readonly string[], rows: StoredFacts): Finding[] {
  const known = new Set(rows.appIds);
  const present = new Set(appIds);
  const pushed = new Set(rows.recordedRefs.map(({ appId }) => appId));
  const strays = appIds.filter((id) => !known.has(id));
  const lost = rows.apps.filter(({ id }) => pushed.has(id) && !present.has(id));
  return [
    ...strays.map((id): Finding => {
      const message = `there is a repository ${id}.git, and no app of that id`;
      const remedy = `keep what is wanted of it, then: rm -r <data folder>/repositories/${id}.git`;
      return { subject: 'refs', app: null, message, remedy };
    }),
    ...lost.map(({ name }): Finding => {
      const remedy = 'bring it back from a backup, or push every branch again: git push fn --all';
      return { subject: 'refs', app: name, message: 'its repository is gone', remedy };
    }),
  ];
}
