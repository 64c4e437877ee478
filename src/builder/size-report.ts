import type { Metafile } from 'esbuild';
import { type BuildProblem, MAX_CODE_BYTES, MAX_SOURCE_MAP_BYTES } from '../protocol/builder.ts';
import { formatBytes } from '../protocol/display.ts';
import type { BundledUnit } from './bundle.ts';
import { isOwnModule } from './own-modules.ts';

const LARGEST = 10;
/** `node_modules/name/` or `node_modules/@scope/name/`, the innermost one. */
const PACKAGE = /^.*node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** A package or a file of the pusher's, and the bytes of code that it takes. */
export type PartSize = [part: string, bytes: number];

/** Says of a unit whose code or source map is over its limit what makes it so large. */
export function sizeProblems(unit: BundledUnit): BuildProblem[] {
  const problems: BuildProblem[] = [];
  const check = (what: string, bytes: number, limit: number): void => {
    if (bytes <= limit) return;
    problems.push({
      message: `${what} of ${unit.request.entry} has ${formatBytes(bytes)}, and the limit is ${formatBytes(limit)}`,
      at: null,
      frame: unit.parts.map(([part, size]) => `${formatBytes(size).padStart(10)}  ${part}`),
      hint:
        'import only what is needed of large packages (import x from "package/part"), put data into public/, ' +
        'or keep a package out of the code by "build": { "external": ["name"] } in fn.json',
    });
  };
  check('the bundled code', unit.code.length, MAX_CODE_BYTES);
  check('the source map', unit.map.length, MAX_SOURCE_MAP_BYTES);
  return problems;
}

/** The packages and the pusher's own files that take most of the code, largest first; those of `others` among them. */
export function partSizes(
  inputs: Metafile['outputs'][string]['inputs'],
  others: readonly PartSize[] = [],
): PartSize[] {
  const sizes = new Map<string, number>(others);
  for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
    if (isOwnModule(path)) continue;
    const part = PACKAGE.exec(path)?.[1] ?? path;
    sizes.set(part, (sizes.get(part) ?? 0) + bytesInOutput);
  }
  return [...sizes].sort(([, a], [, b]) => b - a).slice(0, LARGEST);
}
