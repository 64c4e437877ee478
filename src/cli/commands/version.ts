import { type CommandDefinition, newCommand } from '../command.ts';
import { type CommandContext, connect } from '../command-context.ts';

/** Nobody waits long for what is only nice to know. */
const SERVER_MS = 3_000;

export const version: CommandDefinition = (program, ctx) => {
  const command = newCommand('version', 'show the version here, and that of the server');
  program.addCommand(command);
  command.action(async (options: { json?: true }) => {
    const server = await askServer(ctx);
    const node = process.versions.node;
    if (options.json) return ctx.output.json({ version: ctx.version, node, server });
    ctx.output.line(`fn ${ctx.version} on Node ${node}`);
    if (server !== null) ctx.output.line(`server ${server.version} at ${server.url}`);
  });
};

/** Null where no server is known, or none answers: that is no failure of this command. */
async function askServer(ctx: CommandContext): Promise<{ url: string; version: string } | null> {
  try {
    const client = await connect(ctx);
    await client.call('whoAmI', {}, { timeoutMs: SERVER_MS });
    return ctx.seen.server;
  } catch {
    return null;
  }
}

/** One line for whoever has an older command line than the server; null otherwise. */
export function describeOldVersion({ version: mine, seen }: CommandContext): string | null {
  if (seen.server === null || !isOlder(mine, seen.server.version)) return null;
  const { url, version: theirs } = seen.server;
  return `fn: this is version ${mine}, and the server has ${theirs}; it hands out its own: curl -fsS ${url}/cli/fn.mjs -o fn`;
}

/** By the numbers of semantic versions; what they cannot tell apart is not older. */
function isOlder(one: string, other: string): boolean {
  const [ours, theirs] = [one, other].map((text) =>
    text.split(/[-+]/, 1)[0]?.split('.').map(Number),
  );
  for (const [at, number] of (ours ?? []).entries()) {
    const difference = number - (theirs?.[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
