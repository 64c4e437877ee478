/**
 * Evaluates a bundle. It is a script whose value is
 * `async function (__builtin, __meta, __export, require) { … }`: an ES module folded into a function, so that a
 * script's code cache applies and top-level await still works.
 */
import { createRequire } from 'node:module';
import vm from 'node:vm';

type BundleFunction = (
  builtin: NodeJS.Require,
  meta: { url: string; filename: string; dirname: string },
  exportNamespace: (namespace: Namespace) => void,
  require: NodeJS.Require,
) => Promise<void>;

/** What the entry file exports; for CommonJS its `default` is `module.exports`. */
export type Namespace = Record<string, unknown>;

const CODE_FOLDER = '/code';

/** @throws whatever the module's own top level throws. */
export async function loadBundle(file: string, code: string): Promise<Namespace> {
  const filename = `${CODE_FOLDER}/${file}`;
  const script = new vm.Script(code, {
    filename,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const evaluate = script.runInThisContext() as BundleFunction;
  const require = createRequire(filename);
  const meta = { url: `file://${filename}`, filename, dirname: CODE_FOLDER };
  let namespace: Namespace = {};
  await evaluate(require, meta, (exported) => (namespace = exported), require);
  return namespace;
}
