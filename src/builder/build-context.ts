import { realpathSync, statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { BuildProblem, BuildStart } from '../protocol/builder.ts';
import type { ExternalPackages } from './external-packages.ts';
import { isInside } from './inside.ts';
import type { BuilderServices } from './install/builder-services.ts';
import type { Manifest } from './manifest.ts';
import type { VendorPackages } from './vendor/plan-vendoring.ts';

/** What the steps of one build work on, in the order of build-source.ts. */
export interface BuildContext {
  /** Absolute path of the repository; nothing outside is read. */
  root: string;
  /** Absolute path of the folder that is built: the repository, or `rootDirectory` in it. */
  folder: string;
  /** The same relative to the repository; '' for the repository itself. */
  prefix: string;
  manifest: Manifest;
  start: BuildStart;
  /** A line for the pusher. */
  report: (line: string) => void;
  /** What control does for a build; null when nothing may be installed. */
  services: BuilderServices | null;
  /** What must have ended before the build does. */
  pending: Promise<void>[];
  /** To be awaited before anything is read of installed packages that is not code; later calls cost nothing. */
  completePackages: () => Promise<void>;
  warnings: BuildProblem[];
  /** Installed packages that are shipped as files; null when there are none. */
  externals: ExternalPackages | null;
  /** Theirs, also while they are in the cache alone. */
  externalsSignature: string | null;
  /** Installed packages, when they may be bundled apart; null when they are bundled with the code that imports them. */
  vendor: VendorPackages | null;
  /** What the code is made from besides the repository's files: an installation's lockfile hash. A change rebuilds all. */
  dependencyState: string;
  /**
   * Folders of installed packages, `apps/web/node_modules/`, whose content `dependencyState` stands for, so that nobody
   * need compare it. None where the project's own commands may have changed it.
   */
  settledFolders: readonly string[];
  /** Symbolic links of the repository, as `path → target`: what an import leads to may depend on them. */
  links: readonly string[];
}

export function isSettled(
  { settledFolders }: Pick<BuildContext, 'settledFolders'>,
  path: string,
): boolean {
  return settledFolders.some((folder) => path.startsWith(folder));
}

/** The folder that `rootDirectory` names, or why it can't be built. */
export function findBuildFolder(
  root: string,
  { values, problemAt }: Manifest,
): { kind: 'found'; folder: string; prefix: string } | { kind: 'failed'; problem: BuildProblem } {
  const named = values.rootDirectory ?? '.';
  const prefix = normalize(named).replace(/\/$/, '');
  const folder = join(root, prefix);
  const refuse = (message: string): { kind: 'failed'; problem: BuildProblem } => ({
    kind: 'failed',
    problem: problemAt(['rootDirectory'], `"rootDirectory" names ${named}, ${message}`),
  });
  if (!isInside(root, folder)) return refuse('which lies outside the repository');
  const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (!isFolder) return refuse('and the pushed commit has no such folder');
  if (!isInside(root, realpathSync(folder))) return refuse('which leads out of the repository');
  return { kind: 'found', folder, prefix: prefix === '.' ? '' : prefix };
}
