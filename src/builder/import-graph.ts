import type { Metafile } from 'esbuild';
import { isOwnModule } from './bundle.ts';

/**
 * The repository files that a module leads to by imports, sorted; null when that cannot be told: an import by a
 * pattern, `import(`./pages/${name}.js`)`, or one that leads nowhere yet, may lead to a file that is added later.
 */
export function reachableFiles({ inputs }: Metafile, from: string): string[] | null {
  const reached = new Set<string>([from]);
  // A set takes what is added while it is walked through.
  for (const path of reached) {
    for (const { path: target, external } of inputs[path]?.imports ?? []) {
      if (external === true && /^[./]/.test(target)) return null;
      if (inputs[target] !== undefined) reached.add(target);
    }
  }
  return [...reached].filter((path) => !isOwnModule(path)).sort();
}
