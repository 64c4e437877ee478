/**
 * The command line of a clone as one file, which starts in a fraction of the time that stripping the types of a hundred
 * takes. `supervisor/programs/kept-command-line.ts` makes it at the start of a server, bin/fn starts it where it is, and it runs only as
 * long as all that it was made of is as it was: otherwise the sources run.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Path below the project → sha256 in hex; stands in front of the program. */
declare const FN_MADE_OF: Record<string, string>;

/** From `node_modules/.cache/gitfn/command-line/fn.cjs`, by the path it was started with: packages may be links. */
const PROJECT = join(process.argv[1] ?? '', '../../../../..');

function isCurrent(): boolean {
  try {
    return Object.entries(FN_MADE_OF).every(([path, hash]) => {
      const content = readFileSync(join(PROJECT, path));
      return createHash('sha256').update(content).digest('hex') === hash;
    });
  } catch {
    return false; // A file is gone.
  }
}

async function main(): Promise<void> {
  if (!isCurrent()) {
    await import(pathToFileURL(join(PROJECT, 'src/main/fn.ts')).href);
    return;
  }
  const { runCli } = await import('../cli/main.ts');
  const { wholeInstallation } = await import('../cli/installation.ts');
  process.exitCode = await runCli(process.argv.slice(2), wholeInstallation(PROJECT));
}

void main();
