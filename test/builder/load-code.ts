import { createRequire } from 'node:module';
import vm from 'node:vm';

export type Namespace = Record<string, unknown>;

/** Runs a code file as a worker does, and gives what it exports. */
export async function loadCode(code: string): Promise<Namespace> {
  const script = new vm.Script(code, {
    filename: '/code/main.js',
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const evaluate = script.runInThisContext() as (...parts: unknown[]) => Promise<void>;
  const require = createRequire('/code/main.js');
  const meta = { url: 'file:///code/main.js', filename: '/code/main.js', dirname: '/code' };
  let namespace: Namespace = {};
  await evaluate(require, meta, (exported: Namespace) => (namespace = exported), require);
  return namespace;
}
