import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { environmentNameProblem, environmentValueProblem } from '../../model/environment.ts';

export type Environment = Record<string, string>;

/** What is in a later one wins, as with Next.js and Vite. Those with `local` in their name are kept out of git. */
export const ENVIRONMENT_FILES = [
  '.env',
  '.env.development',
  '.env.local',
  '.env.development.local',
];

const MAX_FILE_BYTES = 256 * 1024;

export interface FileEnvironment {
  values: Environment;
  /** Whole lines for the developer. */
  warnings: string[];
}

/**
 * The variables of the `.env` files of a folder, read by Node's own rules. The shell's variables stay outside, or
 * functions would come to depend on what no deployment has; but where the files name a variable that the shell has
 * too, the shell's value wins, so that `API_URL=… fn dev` does what it looks like.
 */
export async function readEnvironmentFiles(
  folder: string,
  shell: NodeJS.ProcessEnv,
): Promise<FileEnvironment> {
  const values: Environment = {};
  const warnings: string[] = [];
  for (const name of ENVIRONMENT_FILES) {
    const text = await readSmall(join(folder, name));
    if (text === 'too large')
      warnings.push(`${name} is larger than ${MAX_FILE_BYTES} bytes: left out`);
    else if (text !== null) Object.assign(values, parseEnv(text.content));
  }
  for (const [name, value] of Object.entries(values)) {
    const problem = environmentNameProblem(name) ?? environmentValueProblem(name, value);
    if (problem !== null) {
      warnings.push(`${problem}: left out`);
      delete values[name];
    } else if (shell[name] !== undefined) {
      values[name] = shell[name];
    }
  }
  return { values, warnings };
}

async function readSmall(path: string): Promise<{ content: string } | 'too large' | null> {
  try {
    const status = await stat(path);
    if (!status.isFile()) return null;
    if (status.size > MAX_FILE_BYTES) return 'too large';
    return { content: await readFile(path, 'utf8') };
  } catch {
    return null; // There is none, or it goes while it is looked at: the watch tells when it comes back.
  }
}
