import { PlatformError } from '../../protocol/errors.ts';
import type { CommandContext, CommonOptions } from '../command-context.ts';

/**
 * Asks a person before what cannot be undone. A script, which nobody can be asked for, has said what it wants.
 * @throws PlatformError bad-request when the answer is no
 */
export async function confirm(
  ctx: CommandContext,
  options: CommonOptions,
  question: string,
): Promise<void> {
  if (options.yes === true || !ctx.input.isTerminal) return;
  const answer = await ctx.input.ask(`${question} [y/N]: `);
  if (/^y(es)?$/i.test(answer)) return;
  throw new PlatformError('bad-request', 'not confirmed: nothing has changed', {
    hint: 'answer y, or add --yes',
  });
}
