import { type CommandDefinition, newCommand, newGroup } from '../command.ts';
import { type CommonOptions, connect } from '../command-context.ts';

export const masterKey: CommandDefinition = (program, ctx) => {
  const command = newGroup('master-key', "manage the platform's master key");
  command.addCommand(
    newCommand('rotate', 'replace the master key').action(async (options: CommonOptions) => {
      const client = await connect(ctx);
      const rotation = await client.call('rotateMasterKey');
      if (options.json) return ctx.output.json(rotation);
      const took = `${Math.round(rotation.elapsedMs)} ms`;
      ctx.output.line(`-----> Everything is encrypted with a new master key (${took})`);
      ctx.output.line("       Back up the key's file now: the old one opens nothing any more.");
    }),
  );
  program.addCommand(command);
};
