import { createRedactor, type Redact } from '../protocol/redaction.ts';
import type { Clock } from '../std/clock.ts';
import { LoadingCache } from '../std/loading-cache.ts';
import type { Database } from '../store/database.ts';
import { findDeployment } from '../store/deployments.ts';
import type { EnvironmentPort } from './ports.ts';

/** Takes an app's secrets out of what control passes on: push and build output, stored logs, answers of the API. */
export interface Redactors {
  /** By the values of now, in all scopes. */
  forApp(appId: string): Promise<Redact>;
  /**
   * By the values of some seconds ago, and those that the deployment runs with, which may be older. Made to be asked
   * for each line: it knows the answer for a while.
   */
  redactorFor(deploymentId: string): Promise<Redact>;
}

interface Deps {
  db: Database;
  vault: Pick<EnvironmentPort, 'version' | 'read'>;
  clock: Pick<Clock, 'monotonicMs'>;
}

/** Which values a deployment's secrets are among; null for one that there is not. */
type Values = { appId: string; versions: number[] } | null;

/** Each holds the forms of an app's secrets: tens of kilobytes for most, megabytes for the largest. */
const MAX_KEPT = 50;
/** How long the answer for a deployment holds; the worker itself redacts by what it was started with. */
const RECENT_MS = 5_000;
const MAX_RECENT = 1_000;

export function createRedactors({ db, vault, clock }: Deps): Redactors {
  /** Values at a version never change, so what was made once stays right. */
  const kept = new LoadingCache<Redact>(MAX_KEPT, () => 1);
  const recent = new Map<string, { values: Promise<Values>; atMs: number }>();

  async function make(appId: string, versions: number[]): Promise<Redact> {
    const entries = await Promise.all(versions.map((version) => vault.read(appId, version)));
    const secrets = entries.flat().filter(({ kind }) => kind === 'secret');
    return createRedactor(secrets.map(({ name, value }) => [name, value] as const));
  }

  function ofVersions(appId: string, versions: number[]): Promise<Redact> {
    return kept.load(`${appId} ${versions.join(' ')}`, () => make(appId, versions));
  }

  async function valuesOf(id: string): Promise<Values> {
    const deployment = await findDeployment(db, id);
    if (deployment === null) return null;
    const { appId, envVersion } = deployment;
    const newest = await vault.version(appId);
    return { appId, versions: newest === envVersion ? [newest] : [newest, envVersion] };
  }

  function recentValuesOf(id: string): Promise<Values> {
    const nowMs = clock.monotonicMs();
    const known = recent.get(id);
    if (known !== undefined && nowMs - known.atMs < RECENT_MS) return known.values;
    const values = valuesOf(id);
    values.catch(() => recent.delete(id));
    if (recent.size >= MAX_RECENT) recent.clear();
    recent.set(id, { values, atMs: nowMs });
    return values;
  }

  return {
    forApp: async (appId) => ofVersions(appId, [await vault.version(appId)]),
    async redactorFor(id) {
      const values = await recentValuesOf(id);
      return values === null ? createRedactor([]) : ofVersions(values.appId, values.versions);
    },
  };
}
