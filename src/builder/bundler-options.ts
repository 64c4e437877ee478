import type { BuildOptions, Loader } from 'esbuild';
import { MAX_PROBLEMS } from '../protocol/builder.ts';
import { platformNames } from './platform-modules.ts';

/**
 * The wrapper's parameters. The worker gives them by position; names that no program has, because esbuild renames
 * a program's own names away from them only where they are used.
 */
export const BUILTIN = '__builtin$fn';
export const META = '__meta$fn';
export const EXPORT = '__export$fn';

/**
 * A code file is a script whose completion value is an async function, which may await at its top level and can be
 * compiled with a code cache. `require` may be declared by the program too, hence the block inside.
 */
export const SCRIPT_HEAD = `(async function(${BUILTIN},${META},${EXPORT},require){"use strict";`;
export const BLOCK_HEAD = '{';
export const SCRIPT_END = '}})';

const LOADERS: Record<string, Loader> = Object.fromEntries(
  ['.css', '.csv', '.graphql', '.html', '.md', '.sql', '.svg', '.txt', '.xml', '.yaml', '.yml'].map(
    (extension) => [extension, 'text'],
  ),
);
LOADERS['.bin'] = 'binary';
LOADERS['.wasm'] = 'binary';

/** What all runs of the bundler have in common. */
export function bundlerOptions(root: string) {
  return {
    absWorkingDir: root,
    outdir: root,
    write: false,
    bundle: true,
    platform: 'node',
    target: 'node26',
    charset: 'utf8',
    // withOwnSources adds what is needed of it.
    sourcesContent: false,
    metafile: true,
    define: {
      ...platformNames(BUILTIN),
      'import.meta': META,
      __dirname: `${META}.dirname`,
      __filename: `${META}.filename`,
    },
    loader: LOADERS,
    logLevel: 'silent',
    logLimit: MAX_PROBLEMS,
  } as const satisfies BuildOptions;
}
