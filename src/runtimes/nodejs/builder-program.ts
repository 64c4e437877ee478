/** How the builder of JavaScript and TypeScript functions is booted. */
import { basename, dirname, join } from 'node:path';
import { CERTIFICATES_FILE, CLIENT_FOLDERS } from '../../protocol/builder-places.ts';
import type { SandboxProgram } from '../../sandbox/ports.ts';

interface BuilderFiles {
  node: string;
  libraries: Readonly<Record<string, string>>;
  /** The bundled builder, an ES module with others beside it, in a folder that holds nothing else. */
  runner: string;
  /** esbuild's statically linked program for this machine. */
  esbuild: string;
  /** The folder of Node's own headers. */
  headers: string;
  /** Folders of the package managers. */
  clients: Readonly<Record<keyof typeof CLIENT_FOLDERS, string>>;
  system: BuildSystem;
}

/** The programs of the machine that install scripts and build commands may use. */
export interface BuildSystem {
  /** Path inside → path outside. */
  files: Record<string, string>;
  links: Record<string, string>;
  /** The certificate authorities that the machine trusts, for registries behind a private one. */
  certificates: string | null;
}

/** /usr/bin is the machine's. */
const NODE = '/usr/local/bin/node';
/** Below npm_config_nodedir of builder/install/client-commands.ts. */
const HEADERS = '/usr/local/include';
const RUNNER = '/runner';
const ESBUILD = '/usr/local/bin/esbuild';
/**
 * For Go's run time, in which esbuild is written: it serves one build, so collecting what is garbage would take a third
 * of its time for memory that is free in a moment anyway. What a large bundle needs beyond is collected as usual.
 */
const COLLECT_LATE = { GOGC: 'off', GOMEMLIMIT: '256MiB' };

export function builderProgram(files: BuilderFiles): SandboxProgram {
  const { system, clients } = files;
  const hasLoader = Object.keys(system.links).some((path) => path.startsWith('/lib'));
  return {
    command: [
      NODE,
      '--disable-warning=ExperimentalWarning',
      join(RUNNER, basename(files.runner)),
      // Below it lies all that it is given.
      '/',
    ],
    files: {
      ...system.files,
      // They are among the system's own where /lib is a link into /usr.
      ...(!hasLoader && files.libraries),
      ...(system.certificates !== null && { [CERTIFICATES_FILE]: system.certificates }),
      [CLIENT_FOLDERS.npm]: clients.npm,
      [CLIENT_FOLDERS.pnpm]: clients.pnpm,
      [CLIENT_FOLDERS.yarn]: clients.yarn,
      [CLIENT_FOLDERS.yarnBerry]: clients.yarnBerry,
      [NODE]: files.node,
      [HEADERS]: files.headers,
      [RUNNER]: dirname(files.runner),
      [ESBUILD]: files.esbuild,
    },
    links: system.links,
    // The bundled JavaScript half of esbuild looks for its program here.
    environment: { ESBUILD_BINARY_PATH: ESBUILD, ...COLLECT_LATE },
  };
}
