import type { Push } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import { describePush, followPush, isMeant, listPushes } from './deploy/running-pushes.ts';

export const cancel: CommandDefinition = (program, ctx) => {
  const command = newCommand('cancel', 'end a push that is being built')
    .argument('[push]', 'a branch, tag, commit or id; without it, the one that runs')
    .option('--app <name>', 'the app, when not that of this repository');
  program.addCommand(command);
  command.action(async (name: string | undefined, options: AppOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const running = (await listPushes(client, appName)).filter(({ outcome }) => outcome === null);
    const { id } = choosePush(running, { appName, name, nowMs: ctx.now() });
    const push = await client.call('cancelPush', { params: { app: appName, push: id } });
    const outcome = await followPush(client, { appName, id }, () => {});
    if (options.json) return ctx.output.json({ ...push, outcome });
    const what = describePush(push, ctx.now());
    if (outcome === 'cancelled') {
      ctx.output.line(`-----> Cancelled the push of ${what}`);
      ctx.output.line('       No ref has moved: what was live before still serves.');
    } else {
      ctx.output.line(`-----> The push of ${what} had ended before: ${outcome}`);
    }
  });
};

interface Wanted {
  appName: string;
  name: string | undefined;
  nowMs: number;
}

/** @throws PlatformError not-found, or bad-request when it is not clear which one */
function choosePush(running: Push[], { appName, name, nowMs }: Wanted): Push {
  const meant = name === undefined ? running : running.filter((push) => isMeant(push, name));
  const [only, ...others] = meant;
  if (only === undefined) {
    const what = name === undefined ? `push of ${appName}` : `push "${name}" of ${appName}`;
    throw new PlatformError('not-found', `no ${what} is being built: nothing to cancel`, {
      hint: 'to go back to what was live before: fn rollback',
    });
  }
  if (others.length === 0) return only;
  const list = meant.map((push) => `${push.id}: ${describePush(push, nowMs)}`).join('; ');
  throw new PlatformError('bad-request', `${meant.length} pushes are being built: ${list}`, {
    hint: `name one: fn cancel ${only.id}`,
  });
}
