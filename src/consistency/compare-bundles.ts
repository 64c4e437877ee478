import type { StoredFacts } from '../store/consistency.ts';
import { type Finding, pushAgain } from './finding.ts';
import type { ConsistencyPorts } from './ports.ts';

/** A build stores its bundle shortly before it has a row. */
const STRAY_AFTER_MS = 60 * 60_000;
const SHOWN_CHARACTERS = 12;

/** What rows name against what is on disk, byte for byte. */
export async function compareBundles(
  rows: StoredFacts,
  bundles: ConsistencyPorts['bundles'],
): Promise<Finding[]> {
  const names = new Map(rows.apps.map(({ id, name }) => [id, name]));
  const present = new Map((await bundles.list()).map(({ hash, ageMs }) => [hash, ageMs]));
  const findings: Finding[] = [];
  for (const { appId, hash } of rows.bundles) {
    const app = names.get(appId);
    if (app === undefined) continue; // Its app goes, and it with it.
    const damage = present.has(hash) ? await bundles.findDamage(hash) : 'is gone from the disk';
    if (damage === null) continue;
    const message = `bundle ${hash.slice(0, SHOWN_CHARACTERS)}${serverOf(rows, hash)} ${damage}`;
    findings.push({ subject: 'bundles', app, message, remedy: remedyFor(rows, hash) });
  }
  const known = new Set(rows.bundles.map(({ hash }) => hash));
  for (const [hash, ageMs] of present) {
    if (known.has(hash) || ageMs < STRAY_AFTER_MS) continue;
    findings.push({
      subject: 'bundles',
      app: null,
      message: `bundle ${hash.slice(0, SHOWN_CHARACTERS)} is on disk, and no app has it`,
      remedy: `rm -r <data folder>/store/bundles/${hash}`,
    });
  }
  return findings;
}

function serverOf(rows: StoredFacts, hash: string): string {
  const live = liveWith(rows, hash);
  return live === undefined ? '' : `, which ${live.ref} serves,`;
}

/** The tree builds again what is not sound, also when it was built before. */
function remedyFor(rows: StoredFacts, hash: string): string {
  const live = liveWith(rows, hash);
  if (live === undefined) return 'push its commit again before going back to it';
  return `${pushAgain(live.ref)} after an empty commit (git commit --allow-empty): it is built anew`;
}

function liveWith({ deployments }: StoredFacts, hash: string) {
  return deployments.find(({ state, bundle }) => state === 'live' && bundle === hash);
}
