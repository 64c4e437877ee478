import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Domain } from '../../../protocol/control-client.generated.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import type { ControlClient } from '../../server/control-client.ts';
import { shellWord } from '../../../std/shell-word.ts';
import { newCommand } from '../../command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../../command-context.ts';
import { showDomain, shown } from './show.ts';

interface VerifyOptions extends AppOptions {
  wait?: true;
}

/** Records that were just made are there within minutes; a resolver that has heard of none remembers that for a while. */
const WAIT_MS = 15 * 60_000;
const ASK_AGAIN_MS = 5_000;

export function verifyDomain(ctx: CommandContext): Command {
  return newCommand('verify', 'ask DNS for the proof of a domain')
    .argument('<domain>', 'as fn domains list shows it')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--wait', 'ask again until it is there, for a quarter of an hour at most')
    .action(async (name: string, options: VerifyOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options), name };
      const domain = await askUntil(ctx, client, { params, waitMs: options.wait ? WAIT_MS : 0 });
      if (options.json) ctx.output.json(domain);
      else showDomain(ctx, domain);
      if (domain.state === 'pending') throw unverified(domain);
    });
}

/** Says what is missing each time that it is something else. */
async function askUntil(
  ctx: CommandContext,
  client: ControlClient,
  { params, waitMs }: { params: { app: string; name: string }; waitMs: number },
): Promise<Domain> {
  const untilMs = ctx.now() + waitMs;
  let told: string | null = null;
  for (;;) {
    const domain = await client.call('verifyDomain', { params });
    if (domain.state === 'verified' || ctx.now() >= untilMs) return domain;
    if (domain.problem !== null && domain.problem !== told) {
      ctx.output.aside(`waiting: ${shown(domain.problem)}`);
    }
    told = domain.problem;
    await sleep(ASK_AGAIN_MS);
  }
}

function unverified({ name, problem, records }: Domain): PlatformError {
  const [record] = records;
  const hint =
    record === undefined
      ? 'what other apps have shows whose it is: fn domains list --app APP'
      : `create the record ${record.type} ${record.name} ${record.value}, then: fn domains verify ${shellWord(name)} --wait`;
  return new PlatformError('unverified', `${name} is not verified: ${shown(problem ?? '')}`, {
    hint,
  });
}
