import type { DeploymentKind } from '../model/deployment.ts';
import { KeyedMutex } from '../std/mutex.ts';
import type { RepositoryPort } from './ports.ts';

/**
 * `refs/live/*`: what is live, as git shows it (`git log fn/live/production..main`). A release stands even when the
 * git front is away: the reconciler compares them with what is live, and has what differs written.
 */
export interface LiveRefs {
  /** Never rejects. A null SHA removes the ref. */
  publish(appId: string, live: LiveRef): Promise<void>;
}

/** A ref below `refs/live/` as it stands in the repository. */
export interface ShownLiveRef {
  name: string;
  sha: string;
}

export interface LiveRef {
  kind: DeploymentKind;
  /** Null in production. */
  slug: string | null;
  sha: string | null;
}

const PRODUCTION = 'refs/live/production';
const PREVIEW = 'refs/live/preview/';

/** What is to be written so that git shows what is live; a null slug is production's. */
export function wrongLiveRefs(
  shown: readonly ShownLiveRef[],
  live: readonly { slug: string | null; commit: string }[],
): LiveRef[] {
  const wanted = new Map(live.map(({ slug, commit }) => [liveRefName(slug), commit]));
  const found = new Map(shown.map(({ name, sha }) => [name, sha]));
  return [...new Set([...wanted.keys(), ...found.keys()])].flatMap((name): LiveRef[] => {
    const sha = wanted.get(name) ?? null;
    if (sha === (found.get(name) ?? null)) return [];
    if (name === PRODUCTION) return [{ kind: 'production', slug: null, sha }];
    return name.startsWith(PREVIEW)
      ? [{ kind: 'branch', slug: name.slice(PREVIEW.length), sha }]
      : [];
  });
}

export function liveRefName(slug: string | null): string {
  return slug === null ? PRODUCTION : `${PREVIEW}${slug}`;
}

export function createLiveRefs(
  repository: Pick<RepositoryPort, 'publishLive'>,
  onError: (error: unknown) => void,
): LiveRefs {
  /** By app: what is to be written next, ref name → SHA. */
  const next = new Map<string, Map<string, string | null>>();
  const turns = new KeyedMutex();

  async function write(appId: string): Promise<void> {
    const refs = next.get(appId);
    if (refs === undefined) return; // The turn before has written all.
    next.delete(appId);
    const updates = [...refs].map(([name, sha]) => ({ name, sha }));
    await repository.publishLive(appId, updates).catch(onError);
  }

  return {
    publish(appId, { kind, slug, sha }) {
      const name = liveRefName(kind === 'production' ? null : (slug ?? ''));
      const refs = next.get(appId) ?? new Map<string, string | null>();
      next.set(appId, refs.set(name, sha));
      // One write at a time for an app, in the order of the releases.
      return turns.run(appId, () => write(appId));
    },
  };
}
