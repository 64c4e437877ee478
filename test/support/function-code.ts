/** Function code in the shape that bundles have, from the text of a small module. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { transform } from 'esbuild';
import { randomName } from '../../src/std/ids.ts';
import type { ServedDeployment, ServedFunction } from '../../src/model/served.ts';

/** An ES module without imports, as a bundle: `export` becomes a namespace of getters. */
export async function wrapModule(source: string): Promise<string> {
  const { code } = await transform(source, { format: 'cjs', target: 'node26', loader: 'ts' });
  return wrap(
    `var module={exports:{}};(function(exports){${code}\n})(module.exports);` +
      `__export(module.exports);`,
  );
}

/** A CommonJS module, as a bundle: its `module.exports` is the namespace's `default`. */
export function wrapCommonJs(source: string): string {
  return wrap(
    `var module={exports:{}},exports=module.exports;(function(){${source}\n})();` +
      `__export({...module.exports, default: module.exports});`,
  );
}

function wrap(body: string): string {
  return `(async function(__builtin,__meta,__export,require){"use strict";${body}\n})`;
}

/** Stores code where data processes look for it; returns the bundle's name. */
export async function storeBundle(bundlesDir: string, code: string): Promise<string> {
  const bundle = createHash('sha256').update(code).digest('hex');
  await mkdir(join(bundlesDir, bundle), { recursive: true });
  await writeFile(join(bundlesDir, bundle, 'main.js'), code);
  return bundle;
}

export function servedFunction(overrides: Partial<ServedFunction> = {}): ServedFunction {
  return {
    name: 'main',
    file: 'main.js',
    entry: 'index.js',
    memoryMib: 128,
    timeoutMs: 30_000,
    concurrency: 32,
    maxBodyBytes: 100 * 1024 * 1024,
    ...overrides,
  };
}

export function servedDeployment(
  overrides: Partial<ServedDeployment> & Pick<ServedDeployment, 'bundle'>,
): ServedDeployment {
  return {
    id: `dep-${randomName(12)}`,
    appName: 'hello',
    kind: 'production',
    version: 1,
    commit: 'a'.repeat(40),
    ref: 'refs/heads/main',
    functions: [servedFunction()],
    ...overrides,
  };
}
