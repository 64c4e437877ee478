import type { Duplex } from 'node:stream';
import type { BundleManifest, NewBundle } from '../bundles/index.ts';
import type { BuildInputs } from '../protocol/builder.ts';
import type { SandboxExit } from '../protocol/supervisor.ts';

/** Lines for the terminal of whoever waits, ready to print. */
export type Report = (line: string) => void;

/** A builder that was booted and waits for its first frame. */
export interface BuilderProcess {
  /** Frames of protocol/builder.ts. */
  socket: Duplex;
  /** Ends it and all that it started; no harm when it has ended. */
  kill(): void;
  exited: Promise<SandboxExit>;
}

/** Boots a sandboxed builder. @throws PlatformError sandbox-failed, busy, unavailable */
export type StartBuilder = () => Promise<BuilderProcess>;

export interface StoredBundle {
  /** sha256, 64 hex digits. */
  hash: string;
  manifest: BundleManifest;
}

/** Where bundles are kept; src/bundles implements it. */
export interface BundlesPort {
  put(bundle: NewBundle): Promise<StoredBundle>;
  verify(hash: string): Promise<boolean>;
  readManifest(hash: string): Promise<BundleManifest>;
  readFile(hash: string, path: string): Promise<Uint8Array>;
}

/** Which bundle a build key came out as. A lost record costs a build, nothing else. */
export interface BuildRecords {
  find(appId: string, key: string): Promise<string | null>;
  record(build: {
    appId: string;
    key: string;
    bundle: StoredBundle;
    inputs: BuildInputs | null;
  }): Promise<void>;
  /** The app's newest build by the present builder that said what it was made from. */
  last(appId: string): Promise<{ bundle: string; inputs: BuildInputs } | null>;
}
