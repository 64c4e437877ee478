/**
 * The entry of the command line as one file (decision 38), which `main/supervisor/programs/command-line-bundle.ts` makes and a
 * server hands out at `/cli/fn.mjs`. What a clone of the project has in files beside it, it carries.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../std/atomic-file.ts';
import { runCli } from './main.ts';

/** Of package.json; esbuild puts it in. */
declare const FN_VERSION: string;
/** bin/fn-credential, a shell script. */
declare const FN_CREDENTIAL_HELPER: string;

/**
 * Git calls it twice in every push, by a path that stays when the one file is moved or replaced; it is plain sh, since
 * starting Node for it would cost more than the push.
 */
async function storeCredentialHelper(configDir: string): Promise<string> {
  const path = join(configDir, 'fn-credential');
  const stored = await readFile(path, 'utf8').catch(() => null);
  if (stored === FN_CREDENTIAL_HELPER) return path;
  await mkdir(configDir, { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, FN_CREDENTIAL_HELPER, 0o700);
  return path;
}

async function main(): Promise<void> {
  process.exitCode = await runCli(process.argv.slice(2), {
    version: FN_VERSION,
    hasPlatform: false,
    credentialHelper: storeCredentialHelper,
  });
}

void main();
