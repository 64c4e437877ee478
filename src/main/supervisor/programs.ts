/**
 * The platform's programs, each bundled into one file at start: a process that reads one file starts several times
 * faster than one that strips the types of a hundred, and is a third smaller. Code inside sandboxes could not find
 * anything else anyway.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { PlatformError } from '../../protocol/errors.ts';

/** Program → its entry below `src`. */
const ENTRIES = {
  worker: 'worker/main.ts',
  builder: 'builder/main.ts',
  control: 'main/control.ts',
  git: 'main/git.ts',
  data: 'main/data.ts',
  egress: 'main/egress.ts',
} as const;

export type ProgramName = keyof typeof ENTRIES;

export interface Programs {
  /** The bundle's path. */
  files: Record<ProgramName, string>;
  /** Changes with the builder's code, its packages or the runtime that it runs on. */
  builderVersion: string;
}

const VERSION_CHARACTERS = 16;

/** Never installed: pg takes the first when it is there; the others are for tests and commands of node-pre-gyp. */
const ABSENT_PACKAGES = ['pg-native', 'aws-sdk', 'mock-aws-s3', 'nock'];

// Packages in the older module format expect these to be there.
const MODULE_FORMAT_BRIDGE = [
  `import { createRequire as __createRequire } from 'node:module';`,
  `const require = __createRequire(import.meta.url);`,
  `const __filename = import.meta.filename, __dirname = import.meta.dirname;`,
].join('\n');

export async function bundlePrograms(projectDir: string, outDir: string): Promise<Programs> {
  const names = Object.keys(ENTRIES) as ProgramName[];
  const files = await bundleSome(names, projectDir, outDir);
  return {
    files,
    builderVersion: await versionOf(`${outDir}/builder.mjs`),
  };
}

/** The worker's program alone. */
export async function bundleWorkerProgram(projectDir: string, outDir: string): Promise<string> {
  await bundleSome(['worker'], projectDir, outDir);
  return `${outDir}/worker.mjs`;
}

async function bundleSome(
  names: readonly ProgramName[],
  projectDir: string,
  outDir: string,
): Promise<Record<string, string>> {
  await mkdir(outDir, { recursive: true, mode: 0o755 });
  const esbuild = await import('esbuild');
  try {
    await esbuild.build({
      entryPoints: Object.fromEntries(
        names.map((name) => [name, `${projectDir}/src/${ENTRIES[name]}`]),
      ),
      outdir: outDir,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node26',
      external: ABSENT_PACKAGES,
      // A page of node-pre-gyp's, never shown.
      loader: { '.html': 'empty' },
      banner: { js: MODULE_FORMAT_BRIDGE },
      logLevel: 'silent',
    });
  } catch (error) {
    throw new PlatformError('internal', `the platform's programs cannot be bundled`, {
      hint: 'the installation is damaged; run: npm ci',
      cause: error,
    });
  } finally {
    // Its helper process would otherwise stay.
    await esbuild.stop();
  }
  return Object.fromEntries(names.map((name) => [name, `${outDir}/${name}.mjs`]));
}

async function versionOf(bundle: string): Promise<string> {
  const hash = createHash('sha256')
    .update(process.version)
    .update(await readFile(bundle));
  return hash.digest('hex').slice(0, VERSION_CHARACTERS);
}
