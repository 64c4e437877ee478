import type { DeploymentKind } from '../model/deployment.ts';
import { KeyedMutex } from '../std/mutex.ts';
import type { RepositoryPort } from './ports.ts';

/**
 * `refs/live/*`: what is live, as git shows it (`git log fn/live/production..main`). A release stands even when the
 * git front is away; what could not be written is tried again.
 */
export interface LiveRefs {
  /** Never rejects: what fails is left for `retry`. A null SHA removes the ref. */
  publish(appId: string, live: LiveRef): Promise<void>;
  /** Writes what is missing. */
  retry(): Promise<void>;
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
  /** By app: ref name → SHA, the newest only. */
  const missing = new Map<string, Map<string, string | null>>();
  const turns = new KeyedMutex();

  async function write(appId: string): Promise<void> {
    const refs = missing.get(appId);
    if (refs === undefined) return;
    missing.delete(appId);
    try {
      await repository.publishLive(
        appId,
        [...refs].map(([name, sha]) => ({ name, sha })),
      );
    } catch (error) {
      onError(error);
      // What was asked for meanwhile is newer.
      missing.set(appId, new Map([...refs, ...(missing.get(appId) ?? [])]));
    }
  }

  /** One write at a time for an app, in the order of the releases. */
  const enqueue = (appId: string): Promise<void> => turns.run(appId, () => write(appId));

  return {
    publish(appId, { kind, slug, sha }) {
      const name = liveRefName(kind === 'production' ? null : (slug ?? ''));
      const refs = missing.get(appId) ?? new Map<string, string | null>();
      missing.set(appId, refs.set(name, sha));
      return enqueue(appId);
    },
    retry: async () => {
      await Promise.all([...missing.keys()].map(enqueue));
    },
  };
}
