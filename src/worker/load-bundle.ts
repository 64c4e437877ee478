/**
 * Evaluates a bundle. It is a script whose value is
 * `async function (__builtin, __meta, __export, require) { … }`: an ES module folded into a function, so that a
 * script's code cache applies and top-level await still works.
 */
import { createRequire } from 'node:module';
import vm from 'node:vm';

/** Gives Node's modules, and those that stand in for others; `Deno.serve` in the bundle is its `serve`. */
type BuiltinFunction = ((name: string) => unknown) & { serve: unknown };

type BundleFunction = (
  builtin: BuiltinFunction,
  meta: { url: string; filename: string; dirname: string },
  exportNamespace: (namespace: Namespace, target?: string) => void,
  require: NodeJS.Require,
) => Promise<void>;

/** What the entry file exports; for CommonJS its `default` is `module.exports`. */
export type Namespace = Record<string, unknown>;

export interface LoadedModule {
  namespace: Namespace;
  /** The function that fn.json's `handler` names, when it is none of the exports. */
  target: string | null;
}

/** In a sandbox the only argument is the program itself; fn dev names the working folder, which has the packages. */
export const CODE_FOLDER = process.argv[2] ?? '/code';

/** Runs the bundle's own code. Rejects with whatever its top level throws. */
type EvaluateBundle = (modules: Readonly<Record<string, unknown>>) => Promise<LoadedModule>;

export interface CompiledBundle {
  evaluate: EvaluateBundle;
  /** Its cache was of another V8 or of other flags. */
  isCacheRejected: boolean;
  /** V8's cache of what has been compiled by now: functions that were called are in it. */
  makeCache: () => Buffer;
}

/**
 * Nothing of the bundle runs before its environment has come; compiling it need not wait. `cache` is what an earlier
 * worker made of the same code: V8 looks at its version, its flags and the length of the code, and believes the rest.
 * @throws SyntaxError
 */
export function compileBundle({
  file,
  code,
  cache = null,
}: {
  file: string;
  code: string;
  cache?: Buffer | null;
}): CompiledBundle {
  const filename = `${CODE_FOLDER}/${file}`;
  const script = new vm.Script(code, {
    filename,
    ...(cache !== null && { cachedData: cache }),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  return {
    evaluate: (modules) => evaluateBundle(script, filename, modules),
    isCacheRejected: script.cachedDataRejected === true,
    makeCache: () => script.createCachedData(),
  };
}

async function evaluateBundle(
  script: vm.Script,
  filename: string,
  modules: Readonly<Record<string, unknown>>,
): Promise<LoadedModule> {
  const evaluate = script.runInThisContext() as BundleFunction;
  const require = createRequire(filename);
  const find = (name: string): unknown =>
    Object.hasOwn(modules, name) ? modules[name] : require(name);
  const builtin = Object.assign(find, { serve: modules['fn:deno-serve'] });
  const meta = { url: `file://${filename}`, filename, dirname: CODE_FOLDER };
  const loaded: LoadedModule = { namespace: {}, target: null };
  const exported = (namespace: Namespace, target?: string): void => {
    Object.assign(loaded, { namespace, target: target ?? null });
  };
  await evaluate(builtin, meta, exported, require);
  return loaded;
}
