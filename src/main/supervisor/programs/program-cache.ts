/**
 * The platform's programs as they were bundled for an earlier start. Bundling takes two thirds of the time of a start,
 * and comes to the same as long as the sources are the same. What is kept is held against the hashes that were written
 * with it, so that a torn copy is made anew instead of run.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Of the package manager's own kind: `npm ci` empties it. */
const FOLDER = 'node_modules/.cache/gitfn/programs';
const MANIFEST = 'manifest.json';
/** What npm has installed, by its own account. */
const INSTALLED_PACKAGES = 'node_modules/.package-lock.json';
/** What goes into the command line beside its sources. */
const CARRIED = ['package.json', 'bin/fn-credential'];
/** Of older sources, for whoever goes back and forth between two. */
const MAX_KEPT = 4;
const KEY_CHARACTERS = 32;

/** Path below the folder of the programs → sha256 in hex. */
type Manifest = Record<string, string>;

interface ProgramCache {
  /** Fills the folder with what is kept of these sources, or by `make`. */
  fill(outDir: string, make: () => Promise<void>): Promise<void>;
}

export function openProgramCache(projectDir: string): ProgramCache {
  const folder = join(projectDir, FOLDER);
  return {
    async fill(outDir, make) {
      const key = await keyOf(projectDir);
      // Installed by other means: nothing says when its packages change.
      if (key === null) return make();
      const kept = join(folder, key);
      if (await restore(kept, outDir)) return;
      await make();
      // Whose project may not be written to starts more slowly, and no worse.
      await keep(kept, outDir).catch(() => {});
    },
  };
}

/** Of all that the bundles are made of: our sources, the packages, and the runtime that they are for. */
async function keyOf(projectDir: string): Promise<string | null> {
  if (!existsSync(join(projectDir, INSTALLED_PACKAGES))) return null;
  const sources = (await filesBelow(join(projectDir, 'src'))).map((path) => join('src', path));
  const paths = [...sources, INSTALLED_PACKAGES, ...CARRIED];
  const contents = await Promise.all(paths.map((path) => readFile(join(projectDir, path))));
  const hash = createHash('sha256').update(`${process.version} ${process.arch}`);
  for (const [at, path] of paths.entries()) {
    hash.update(`\n${path}\n${contents[at]?.length}\n`).update(contents[at] ?? '');
  }
  return hash.digest('hex').slice(0, KEY_CHARACTERS);
}

async function restore(kept: string, outDir: string): Promise<boolean> {
  try {
    const manifest = JSON.parse(await readFile(join(kept, MANIFEST), 'utf8')) as Manifest;
    const files = await Promise.all(
      Object.entries(manifest).map(async ([path, hash]) => {
        const content = await readFile(join(kept, path));
        if (sha256(content) !== hash) throw new Error(`${path} is not what was kept`);
        return { path, content };
      }),
    );
    for (const { path, content } of files) {
      await mkdir(dirname(join(outDir, path)), { recursive: true, mode: 0o755 });
      await writeFile(join(outDir, path), content);
    }
    return files.length > 0;
  } catch {
    return false;
  }
}

async function keep(kept: string, outDir: string): Promise<void> {
  const folder = dirname(kept);
  await mkdir(folder, { recursive: true });
  const unfinished = await mkdtemp(join(folder, 'unfinished-'));
  const manifest: Manifest = {};
  for (const path of await filesBelow(outDir)) {
    const content = await readFile(join(outDir, path));
    manifest[path] = sha256(content);
    await mkdir(dirname(join(unfinished, path)), { recursive: true });
    await writeFile(join(unfinished, path), content);
  }
  await writeFile(join(unfinished, MANIFEST), JSON.stringify(manifest));
  await rm(kept, { recursive: true, force: true });
  await rename(unfinished, kept);
  await forgetOldest(folder);
}

async function forgetOldest(folder: string): Promise<void> {
  const entries = await Promise.all(
    (await readdir(folder)).map(async (name) => {
      const { mtimeMs } = await stat(join(folder, name));
      return { name, mtimeMs };
    }),
  );
  const oldest = entries.sort((a, b) => b.mtimeMs - a.mtimeMs).slice(MAX_KEPT);
  for (const { name } of oldest) await rm(join(folder, name), { recursive: true, force: true });
}

/** Paths below the folder, in one order. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
