/**
 * Modules of ours in front of the entries, which hand over their namespaces; a colon keeps the folder apart from what
 * people name theirs. The ending `.mjs` makes esbuild treat a CommonJS entry as Node does: `default` is
 * `module.exports`, a plain property instead of a getter.
 */
export const STUB_FOLDER = '.fn:entries';

const NAMESPACES = /^(?:builtin|platform|adapter|external|external-module|vendor|vendor-module):/;

/** Whether a module of the bundler's metafile is ours, and no file of the repository. */
export function isOwnModule(path: string): boolean {
  return path.startsWith(`${STUB_FOLDER}/`) || NAMESPACES.test(path);
}
