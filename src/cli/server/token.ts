import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PlatformError } from '../../protocol/errors.ts';
import type { CommandContext } from '../command-context.ts';

/** Where a new token comes from: a file, a person at the terminal, or standard input. @throws PlatformError */
export async function readToken(
  ctx: CommandContext,
  { server, file }: { server: string; file: string | undefined },
): Promise<string> {
  if (file !== undefined) return readTokenFile(resolve(ctx.cwd, file));
  const text = ctx.input.isTerminal
    ? await ctx.input.askHidden(`Token for ${server} (not shown): `)
    : await ctx.input.readAll();
  if (/^\S+$/.test(text)) return text;
  const what = text === '' ? 'no token came' : 'what came is no token: it has spaces or lines';
  throw new PlatformError('bad-request', `${what} on standard input`, {
    hint: `run: fn login ${server} < FILE   (the first token stands in admin-token in the data folder of the server)`,
  });
}

/** @throws PlatformError bad-request */
export async function readTokenFile(path: string): Promise<string> {
  let content: string;
  try {
    content = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new PlatformError('bad-request', `${path} cannot be read (${code})`, {
      hint: 'name the file that holds the token',
      cause,
    });
  }
  if (/^\S+$/.test(content)) return content;
  throw new PlatformError('bad-request', `${path} does not hold a token`, {
    hint: 'the file has the token, fn_…, and nothing else',
  });
}
