/** How the builder of JavaScript and TypeScript functions is booted. */
import type { SandboxProgram } from '../../sandbox/ports.ts';

interface BuilderFiles {
  node: string;
  libraries: Readonly<Record<string, string>>;
  /** The bundled builder, an ES module. */
  runner: string;
  /** esbuild's statically linked program for this machine. */
  esbuild: string;
}

const NODE = '/usr/bin/node';
const RUNNER = '/runner.mjs';
/** esbuild ignores a setting that says /usr/bin/esbuild. */
const ESBUILD = '/usr/local/bin/esbuild';

export function builderProgram(files: BuilderFiles): SandboxProgram {
  return {
    command: [NODE, '--disable-warning=ExperimentalWarning', RUNNER],
    files: {
      ...files.libraries,
      [NODE]: files.node,
      [RUNNER]: files.runner,
      [ESBUILD]: files.esbuild,
    },
    // The bundled JavaScript half of esbuild looks for its program here.
    environment: { ESBUILD_BINARY_PATH: ESBUILD },
  };
}
