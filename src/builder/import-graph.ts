import type { Metafile } from 'esbuild';
import { isOwnModule } from './bundle.ts';

/**
 * The repository files that a module leads to by imports, sorted. `isOpen`: an import by a pattern,
 * `import(`./pages/${name}.js`)`, or one that leads nowhere yet, may lead to others when files are added.
 */
export function reachableFiles(
  { inputs }: Metafile,
  from: string,
): { files: string[]; isOpen: boolean } {
  let isOpen = false;
  const reached = new Set<string>([from]);
  // A set takes what is added while it is walked through.
  for (const path of reached) {
    for (const { path: target, external } of inputs[path]?.imports ?? []) {
      if (external === true && /^[./]/.test(target)) isOpen = true;
      if (inputs[target] !== undefined) reached.add(target);
    }
  }
  const files = Array.from(reached).filter((path) => !isOwnModule(path));
  // What else is no file by its path, such as a data URL, is nothing that a later build could compare.
  const isKnown = files.every((path) => !path.includes(':')) && inputs[from] !== undefined;
  return { files: files.sort(), isOpen: isOpen || !isKnown };
}
