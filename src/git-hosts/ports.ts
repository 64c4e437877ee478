import type { createRegistryProxy, StartBuilder } from '../build/index.ts';
import type { GitHostKind } from '../model/git-host.ts';

/** A repository elsewhere, with what opens it. */
export interface OpenConnection {
  id: string;
  appId: string;
  appName: string;
  kind: GitHostKind;
  /** https, without credentials. */
  url: URL;
  accessToken: string;
}

/** Who may be connected to, and by which authorities. */
export interface HostAccess {
  /** `host` or `host:port` of those that may have private addresses. */
  privateNames: readonly string[];
  /** PEM, beside those of Node; null for none. */
  roots: string | null;
  /** All addresses of a name; none where there are none. */
  lookup: (name: string) => Promise<readonly string[]>;
  /** False where nothing is confined: git meets no host there. */
  isConfined: boolean;
}

/** How a ref came here. */
export type FetchedRef =
  | { kind: 'deployed'; sha: string }
  /** The host has it no more, and so has the app. */
  | { kind: 'removed' }
  /** The platform refused it, for the reason that a pusher would see. */
  | { kind: 'refused'; sha: string; reason: string };

/** What a sandbox for git is made of. */
export interface GitSandboxDeps {
  startBuilder: StartBuilder;
  /** The way out of a builder; src/build has it. */
  openProxy: typeof createRegistryProxy;
}
