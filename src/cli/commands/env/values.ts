/** Values as they are given on the command line, in files and on standard input. */
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PlatformError } from '../../../protocol/errors.ts';
import type { CommandContext } from '../../command-context.ts';

interface NamedValue {
  name: string;
  value: string;
}

/** Far above what the platform takes; a mistaken file name must not fill the memory. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** What Node makes of an argument's bytes that are no UTF-8. */
const REPLACED_BYTES = '\ufffd';

/** @throws PlatformError bad-request */
export async function readAssignments(ctx: CommandContext, words: string[]): Promise<NamedValue[]> {
  const assignments = words.map(splitAssignment);
  if (assignments.filter(({ value }) => value === '-').length > 1) {
    throw new PlatformError('bad-request', 'standard input holds one value only', {
      hint: 'set the others from files: NAME=@FILE',
    });
  }
  return Promise.all(
    assignments.map(async ({ name, value }) => ({ name, value: await readValue(ctx, value) })),
  );
}

function splitAssignment(word: string): NamedValue {
  const at = word.indexOf('=');
  if (at > 0) return { name: word.slice(0, at), value: word.slice(at + 1) };
  throw new PlatformError('bad-request', `"${word.slice(0, 60)}" is no NAME=value`, {
    hint: 'nothing was changed; to keep a secret out of the history of your shell: NAME=- reads standard input',
  });
}

async function readValue(ctx: CommandContext, text: string): Promise<string> {
  if (text === '-' || text.startsWith('@')) {
    const content = await readText(ctx, text === '-' ? text : text.slice(1));
    return content.replace(/\r?\n$/, '');
  }
  if (!text.includes(REPLACED_BYTES)) return text;
  throw new PlatformError('bad-request', 'a value is not valid UTF-8', {
    hint: 'nothing was changed; encode it, for example with base64',
  });
}

/** A file's text, or that of standard input for `-`. @throws PlatformError bad-request */
export async function readText(ctx: CommandContext, file: string): Promise<string> {
  const bytes =
    file === '-' ? await ctx.input.readBytes() : await readWhole(resolve(ctx.cwd, file));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const what = file === '-' ? 'standard input' : file;
    throw new PlatformError('bad-request', `${what} is not valid UTF-8`, {
      hint: 'nothing was changed; encode it, for example with base64',
      cause,
    });
  }
}

async function readWhole(path: string): Promise<Uint8Array> {
  const status = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new PlatformError('bad-request', `${path} cannot be read (${cause.code ?? 'unknown'})`, {
      hint: 'nothing was changed; check the name of the file',
      cause,
    });
  });
  if (status.isFile() && status.size <= MAX_FILE_BYTES) return readFile(path);
  throw new PlatformError('bad-request', `${path} is no file of at most ${MAX_FILE_BYTES} bytes`, {
    hint: 'nothing was changed; check the name of the file',
  });
}
