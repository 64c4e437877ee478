import type { Metafile } from 'esbuild';
import type { ExternalPackages } from './external-packages.ts';
import { isOwnModule } from './own-modules.ts';

/** What a module leads to by imports; paths of the repository, sorted. */
interface Reachable {
  files: string[];
  /** By which packages outside the code are required. */
  packages: string[];
  /**
   * An import by a pattern, `import(`./pages/${name}.js`)`, or one that leads nowhere yet, may lead to others when
   * files are added.
   */
  isOpen: boolean;
}

export function reachableFiles(
  { inputs }: Metafile,
  from: string,
  externals: ExternalPackages | null,
): Reachable {
  let isOpen = false;
  const packages = new Set<string>();
  const reached = new Set<string>([from]);
  // A set takes what is added while it is walked through.
  for (const path of reached) {
    for (const { path: target, external } of inputs[path]?.imports ?? []) {
      const entries = externals?.entriesAt(target) ?? [];
      for (const entry of entries) packages.add(entry);
      if (entries.length === 0 && external === true && /^[./]/.test(target)) isOpen = true;
      if (inputs[target] !== undefined) reached.add(target);
    }
  }
  const files = Array.from(reached).filter((path) => !isOwnModule(path));
  // What else is no file by its path, such as a data URL, is nothing that a later build could compare.
  const isKnown = files.every((path) => !path.includes(':')) && inputs[from] !== undefined;
  return { files: files.sort(), packages: [...packages].sort(), isOpen: isOpen || !isKnown };
}
