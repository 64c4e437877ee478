import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Loader, type Plugin, transform } from 'esbuild';
import { anyOf } from './any-of.ts';

const LOADERS: Record<string, Loader> = {
  '.js': 'js',
  '.cjs': 'js',
  '.mjs': 'js',
  '.ts': 'ts',
  '.cts': 'ts',
  '.mts': 'ts',
};
const ASKS = /\b(?:require|import\.meta)\.main\b/;

/**
 * Tells a module that it is the one that was started, `require.main === module` and `import.meta.main`: in a bundle
 * no module is, and a script that asks would do nothing, successfully.
 */
export function mainModulePlugin(paths: readonly string[]): Plugin {
  const filter = new RegExp(`^${anyOf(paths)}$`);
  return {
    name: 'main-module',
    setup(build) {
      build.onLoad({ filter, namespace: 'file' }, async ({ path }) => {
        const loader = LOADERS[extname(path)];
        if (loader === undefined) return undefined;
        const source = await readFile(path, 'utf8');
        if (!ASKS.test(source)) return undefined;
        const contents = await withAnswers(source, { path, loader });
        return contents === null ? undefined : { contents, loader: 'js' };
      });
    },
  };
}

/** Null for what is no program: the bundler then says why, and where. */
async function withAnswers(
  source: string,
  { path, loader }: { path: string; loader: Loader },
): Promise<string | null> {
  try {
    const define = { 'require.main': 'module', 'import.meta.main': 'true' };
    const options = { loader, define, sourcefile: path, target: 'node26' } as const;
    return (await transform(source, { ...options, sourcemap: 'inline', logLevel: 'silent' })).code;
  } catch {
    return null;
  }
}
