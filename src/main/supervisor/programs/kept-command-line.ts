/** The command line that bin/fn starts in place of the sources, beside the other programs that are kept (decision 5). */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomically } from '../../../std/atomic-file.ts';

/** Where bin/fn looks. */
const KEPT = 'node_modules/.cache/gitfn/command-line/fn.cjs';
/** What no import names and the program depends on all the same: versions, packages, how TypeScript is read. */
const ALSO_MADE_OF = ['package.json', 'node_modules/.package-lock.json', 'tsconfig.json'];

type Esbuild = Pick<typeof import('esbuild'), 'build'>;

/**
 * Makes it, with the hash of each file as it was read for it. Where nothing says which packages are installed there is
 * none.
 */
export async function bundleKeptCommandLine(
  esbuild: Esbuild,
  { projectDir, outFile }: { projectDir: string; outFile: string },
): Promise<void> {
  if (!ALSO_MADE_OF.every((path) => existsSync(join(projectDir, path)))) return;
  const madeOf: Record<string, string> = {};
  const note = async (path: string): Promise<Buffer> => {
    const content = await readFile(path);
    madeOf[relative(projectDir, path)] = createHash('sha256').update(content).digest('hex');
    return content;
  };
  for (const path of ALSO_MADE_OF) await note(join(projectDir, path));
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(projectDir, 'src/main/kept-fn.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    write: false,
    logLevel: 'silent',
    plugins: [
      {
        name: 'made-of',
        setup(build) {
          build.onLoad({ filter: /\.(ts|[cm]?js)$/ }, async ({ path }) => ({
            contents: await note(path),
            loader: path.endsWith('.ts') ? 'ts' : 'js',
          }));
        },
      },
    ],
  });
  const text = outputFiles[0]?.text ?? '';
  await writeFile(outFile, `const FN_MADE_OF = ${JSON.stringify(madeOf)};\n${text}`);
}

/** Puts it where bin/fn looks, if it is another one. Where nothing can be written the sources go on running. */
export async function keepCommandLine(projectDir: string, made: string): Promise<void> {
  const kept = join(projectDir, KEPT);
  const content = await readFile(made, 'utf8').catch(() => null);
  if (content === null || content === (await readFile(kept, 'utf8').catch(() => null))) return;
  try {
    await mkdir(dirname(kept), { recursive: true });
    await writeFileAtomically(kept, content, 0o644);
  } catch {
    // Whose project may not be written to has commands that start more slowly, and no worse.
  }
}
