import type { Plugin } from 'esbuild';
import { anyOf } from '../any-of.ts';
import { itemOf } from './package-imports.ts';
import { VENDOR, type VendorItem } from './vendor-script.ts';

/** CommonJS modules around an item, and ES modules around those. */
const EXPORTS = 'vendor';
const MODULE = 'vendor-module';

/**
 * Leads own code's imports of packages to the script that has them. In an own file that imports or requires a package
 * the bundler then sees what the package itself is, an ES module or CommonJS, and treats it accordingly.
 */
export function vendorImportsPlugin(items: readonly VendorItem[]): Plugin {
  const byName = new Map(items.map((item) => [itemOf(item), item]));
  const filter = new RegExp(`^${anyOf([...new Set(items.map(({ path }) => path))])}$`);
  return {
    name: 'vendor-imports',
    setup(build) {
      if (items.length === 0) return;
      build.onResolve({ filter }, ({ path, kind }) => {
        const item = byName.get(`${kind === 'require-call' ? 'require' : 'import'} ${path}`);
        if (item === undefined) return undefined;
        return { path: itemOf(item), namespace: item.format === 'esm' ? MODULE : EXPORTS };
      });
      build.onLoad({ filter: /./, namespace: EXPORTS }, ({ path }) => ({
        contents: `module.exports=${VENDOR}[${JSON.stringify(path)}]()`,
        loader: 'js',
      }));
      build.onLoad({ filter: /./, namespace: MODULE }, ({ path }) => {
        const item = byName.get(path);
        return item === undefined ? undefined : { contents: moduleText(item), loader: 'js' };
      });
      build.onResolve({ filter: /./, namespace: MODULE }, ({ path }) => ({
        path,
        namespace: EXPORTS,
      }));
    },
  };
}

/** All that the script has of the package: names that only unused code imports are not among it. */
function moduleText(item: VendorItem): string {
  const from = JSON.stringify(itemOf(item));
  return `export * from ${from};${item.hasDefault ? `export {default} from ${from}` : ''}`;
}
