import type { OnResolveArgs, PluginBuild } from 'esbuild';
import type { Plugin } from 'esbuild';
import { anyOf } from './any-of.ts';

/** Packages whose place the worker takes: it is the server that they would start. */
const REPLACED: Readonly<Record<string, string>> = {
  '@google-cloud/functions-framework': 'fn:functions-framework',
};

/**
 * Packages that turn Lambda's event back into a request for a framework. They parse its body themselves, and compare
 * its length with the header: it has to be the text that came.
 */
const ADAPTERS = [
  'serverless-http',
  '@vendia/serverless-express',
  '@codegenie/serverless-express',
  '@fastify/aws-lambda',
  'hono/aws-lambda',
];
const RAW_EVENTS = 'fn:raw-events';

const REPLACED_NAMESPACE = 'platform';
const ADAPTER_NAMESPACE = 'adapter';
const IS_PROBED = Symbol('resolved by the plugin itself');

/** What the program calls as `Deno.serve`, for esbuild's `define`: no global that libraries would take for Deno. */
export function platformNames(builtinFunction: string): Record<string, string> {
  return { 'Deno.serve': `${builtinFunction}.serve` };
}

/** Puts the worker's own modules in the place of some packages, and tells it of some others. */
export function platformPlugin(builtinFunction: string): Plugin {
  return {
    name: 'platform-modules',
    setup(build) {
      build.onResolve({ filter: filterOf(Object.keys(REPLACED)) }, ({ path }) => ({
        path: REPLACED[path] ?? path,
        namespace: REPLACED_NAMESPACE,
      }));
      build.onLoad({ filter: /./, namespace: REPLACED_NAMESPACE }, ({ path }) => ({
        contents: `module.exports=${builtinFunction}(${JSON.stringify(path)})`,
        loader: 'js',
      }));
      build.onResolve({ filter: filterOf(ADAPTERS) }, (args) => resolveAdapter(build, args));
      build.onLoad({ filter: /./, namespace: ADAPTER_NAMESPACE }, ({ path, pluginData }) => ({
        contents: `${builtinFunction}(${JSON.stringify(RAW_EVENTS)});module.exports=require(${JSON.stringify(path)})`,
        loader: 'js',
        resolveDir: String(pluginData),
      }));
    },
  };
}

/** Around the package comes a module that says it is there. One that is missing is reported where it was imported. */
async function resolveAdapter(build: PluginBuild, args: OnResolveArgs) {
  const { path, kind, importer, namespace, resolveDir, pluginData } = args;
  // Whoever asks with data of its own only probes; it would be asked back for ever.
  if (pluginData !== undefined || namespace === ADAPTER_NAMESPACE) return undefined;
  const probe = { kind, importer, namespace, resolveDir, pluginData: IS_PROBED };
  const found = await build.resolve(path, probe);
  if (found.errors.length > 0) return undefined;
  return { path, namespace: ADAPTER_NAMESPACE, pluginData: resolveDir };
}

function filterOf(names: string[]): RegExp {
  return new RegExp(`^${anyOf(names)}$`);
}
