/** The command line as one file, for machines that have Node and nothing of ours (decision 38). */
import { readFile } from 'node:fs/promises';

/**
 * Taken by Node as a module or as a script, whichever name people save it under and whatever package it lies in: so it
 * has neither `import` nor `require` of its own. What an older Node reads before it fails is valid there.
 */
const HEAD = `#!/usr/bin/env node
{
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 4)) {
    console.error('fn: this needs Node 20.4 or newer, and ' + process.execPath + ' is ' + process.version);
    process.exit(1);
  }
}
import('node:module').then(({ createRequire }) => ((require) => {`;
const TAIL = '})(createRequire(process.execPath)));';

/** The oldest that all of it runs on; CommonJS of the commands becomes one function. */
const TARGET = 'node20.4';

export async function bundleCommandLine(
  esbuild: Pick<typeof import('esbuild'), 'build'>,
  { projectDir, version, outFile }: { projectDir: string; version: string; outFile: string },
): Promise<void> {
  const helper = await readFile(`${projectDir}/bin/fn-credential`, 'utf8');
  await esbuild.build({
    entryPoints: [`${projectDir}/src/cli/one-file.ts`],
    outfile: outFile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: TARGET,
    define: {
      FN_VERSION: JSON.stringify(version),
      FN_CREDENTIAL_HELPER: JSON.stringify(helper),
    },
    banner: { js: HEAD },
    footer: { js: TAIL },
    charset: 'utf8',
    logLevel: 'silent',
  });
}
