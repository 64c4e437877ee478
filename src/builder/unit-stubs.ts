import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXPORT } from './bundler-options.ts';
import { STUB_FOLDER } from './own-modules.ts';

/** One code file that shall be made. */
export interface UnitRequest {
  /** Its name in the bundle: `hello.js`. */
  file: string;
  /** Repository file. */
  entry: string;
  /** The export that shall be the handler; null for all as they are. */
  handler: string | null;
  /** It is started, not called: a program. */
  isMain?: true;
}

/** Puts a module of ours in front of each entry, which hands over what it exports. Returns where these stand. */
export function writeStubs(root: string, units: readonly UnitRequest[]): string[] {
  mkdirSync(join(root, STUB_FOLDER), { recursive: true });
  return units.map((unit) => {
    const stub = stubOf(unit);
    writeFileSync(join(root, stub), stubText(unit));
    return stub;
  });
}

export function stubOf({ file }: UnitRequest): string {
  return `${STUB_FOLDER}/${file.replace(/\.js$/, '.mjs')}`;
}

function stubText({ entry, handler }: UnitRequest): string {
  const from = JSON.stringify(`../${entry}`);
  if (handler === null) return `import * as ns from ${from};${EXPORT}(ns)`;
  return `import {${handler} as handler} from ${from};${EXPORT}({handler},${JSON.stringify(handler)})`;
}
