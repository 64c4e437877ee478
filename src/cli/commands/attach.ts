import type { Push, PushOutput } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import {
  describePush,
  followPush,
  isMeant,
  listPushes,
  requireSuccess,
} from './deploy/running-pushes.ts';

export const attach: CommandDefinition = (program, ctx) => {
  const command = newCommand('attach', 'show what a push prints')
    .argument('[push]', 'a branch, tag, commit or id; without it, the newest that runs')
    .option('--app <name>', 'the app, when not that of this repository')
    .addHelpText('after', '\nFrom its beginning to its end, with the exit code of its outcome.');
  program.addCommand(command);
  command.action(async (name: string | undefined, options: AppOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const push = choosePush(await listPushes(client, appName), { appName, name });
    const print = (output: PushOutput): void => {
      if (options.json) ctx.output.line(JSON.stringify(output));
      else if ('line' in output && output.line !== undefined) ctx.output.line(output.line);
    };
    if (!options.json) ctx.output.line(`Push of ${describePush(push, ctx.now())}`);
    requireSuccess(await followPush(client, { appName, id: push.id }, print));
  });
};

/** @throws PlatformError not-found */
function choosePush(
  pushes: Push[],
  { appName, name }: { appName: string; name: string | undefined },
): Push {
  const candidates = name === undefined ? pushes : pushes.filter((push) => isMeant(push, name));
  const chosen = candidates.find(({ outcome }) => outcome === null) ?? candidates[0];
  if (chosen !== undefined) return chosen;
  const what = name === undefined ? `push of ${appName}` : `push "${name}" of ${appName}`;
  throw new PlatformError('not-found', `no ${what} runs, and none has ended lately`, {
    hint: 'what was deployed: fn releases',
  });
}
