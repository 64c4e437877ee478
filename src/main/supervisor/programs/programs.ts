/**
 * The platform's programs, each bundled into one file at the first start: a process that reads one file starts several times
 * faster than one that strips the types of a hundred, and is a third smaller. Code inside sandboxes could not find
 * anything else anyway.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { PlatformError } from '../../../protocol/errors.ts';
import { bundleCommandLine } from './command-line-bundle.ts';
import { bundleKeptCommandLine, keepCommandLine } from './kept-command-line.ts';
import { openProgramCache } from './program-cache.ts';

/** Program → its entry below `src`. */
const ENTRIES = {
  worker: 'worker/main.ts',
  builder: 'builder/main.ts',
  control: 'main/control.ts',
  git: 'main/git.ts',
  data: 'main/data.ts',
  egress: 'main/egress.ts',
  launcher: 'main/launcher.ts',
} as const;

export type ProgramName = keyof typeof ENTRIES;

export interface Programs {
  /** The bundle's path. */
  files: Record<ProgramName, string>;
  /** Changes with the builder's code, its packages or the runtime that it runs on. */
  builderVersion: string;
  /** Of gitfn. */
  version: string;
  /** Path of the command line as one file, for whoever fetches it. */
  commandLine: string;
}

const VERSION_CHARACTERS = 16;

/** Never installed, or never built: pg and ssh2 take the first ones when they are there; the others are for tests and commands of node-pre-gyp. */
const ABSENT_PACKAGES = ['pg-native', 'cpu-features', '*.node', 'aws-sdk', 'mock-aws-s3', 'nock'];

// Packages in the older module format expect these to be there.
const MODULE_FORMAT_BRIDGE = [
  `import { createRequire as __createRequire } from 'node:module';`,
  `const require = __createRequire(import.meta.url);`,
  `const __filename = import.meta.filename, __dirname = import.meta.dirname;`,
].join('\n');

/** Bundles all of them into the folder, or takes what an earlier start made of the same sources. */
export async function bundlePrograms(projectDir: string, outDir: string): Promise<Programs> {
  const names = Object.keys(ENTRIES) as ProgramName[];
  const others = names.filter((name) => !['builder', 'worker', 'launcher'].includes(name));
  const bundlings = [
    { names: ['worker', 'launcher'], outDir, isCommonJs: true },
    { names: others, outDir },
    // What few builds need stays on disk for the others, and for the builder that waits for one.
    { names: ['builder'], outDir: `${outDir}/builder`, isSplit: true },
  ] as const;
  const version = await readVersion(projectDir);
  const commandLine = `${outDir}/fn.mjs`;
  const ownCommandLine = `${outDir}/fn.cjs`;
  await openProgramCache(projectDir).fill(outDir, () =>
    withEsbuild(async (esbuild) => {
      for (const bundling of bundlings) await bundleSome(esbuild, projectDir, bundling);
      await bundleCommandLine(esbuild, { projectDir, version, outFile: commandLine });
      await bundleKeptCommandLine(esbuild, { projectDir, outFile: ownCommandLine });
    }),
  );
  await keepCommandLine(projectDir, ownCommandLine);
  const files = filesOf(bundlings);
  return { files, builderVersion: await versionOf(files.builder), version, commandLine };
}

/** The worker's program alone. */
export async function bundleWorkerProgram(projectDir: string, outDir: string): Promise<string> {
  const bundling = { names: ['worker'], outDir, isCommonJs: true } as const;
  await withEsbuild((esbuild) => bundleSome(esbuild, projectDir, bundling));
  return filesOf([bundling]).worker;
}

interface Bundling {
  names: readonly ProgramName[];
  outDir: string;
  /** What a program imports when it needs it becomes a file of its own beside it, named by its content. */
  isSplit?: boolean;
  /**
   * Node reads every export of a module of its own that an ES module imports, and some of them load a dozen others: the
   * worker took a sixth of its boot for that.
   */
  isCommonJs?: boolean;
}

type Esbuild = typeof import('esbuild');

async function withEsbuild(bundle: (esbuild: Esbuild) => Promise<void>): Promise<void> {
  const esbuild = await import('esbuild');
  try {
    await bundle(esbuild);
  } catch (error) {
    throw new PlatformError('internal', `the platform's programs cannot be bundled`, {
      hint: 'the installation is damaged; run: npm ci',
      cause: error,
    });
  } finally {
    // Its helper process would otherwise stay.
    await esbuild.stop();
  }
}

function filesOf(bundlings: readonly Bundling[]): Record<ProgramName, string> {
  const files = bundlings.flatMap(({ names, outDir, isCommonJs = false }) =>
    names.map((name) => [name, `${outDir}/${name}.${isCommonJs ? 'cjs' : 'mjs'}`]),
  );
  return Object.fromEntries(files) as Record<ProgramName, string>;
}

async function bundleSome(
  esbuild: Esbuild,
  projectDir: string,
  { names, outDir, isSplit = false, isCommonJs = false }: Bundling,
): Promise<void> {
  // Files that are named by their content would stay when it changes.
  if (isSplit) await rm(outDir, { recursive: true, force: true });
  await mkdir(outDir, { recursive: true, mode: 0o755 });
  await esbuild.build({
    entryPoints: Object.fromEntries(
      names.map((name) => [name, `${projectDir}/src/${ENTRIES[name]}`]),
    ),
    outdir: outDir,
    splitting: isSplit,
    outExtension: { '.js': isCommonJs ? '.cjs' : '.mjs' },
    bundle: true,
    platform: 'node',
    format: isCommonJs ? 'cjs' : 'esm',
    target: 'node26',
    external: ABSENT_PACKAGES,
    // A page of node-pre-gyp's, never shown.
    loader: { '.html': 'empty' },
    ...(isCommonJs ? {} : { banner: { js: MODULE_FORMAT_BRIDGE } }),
    logLevel: 'silent',
  });
}

async function readVersion(projectDir: string): Promise<string> {
  const { version } = JSON.parse(await readFile(`${projectDir}/package.json`, 'utf8')) as {
    version: string;
  };
  return version;
}

/** Of the program with all that it may import: it names each file by its content. */
async function versionOf(bundle: string): Promise<string> {
  const hash = createHash('sha256')
    .update(process.version)
    .update(await readFile(bundle));
  return hash.digest('hex').slice(0, VERSION_CHARACTERS);
}
