import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Environment } from '../../../protocol/control-client.generated.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import { chooseApp, type CommandContext, connect } from '../../command-context.ts';
import { formatDotenv } from './dotenv.ts';
import { newScopeCommand, type ScopeOptions } from './options.ts';

type EnvironmentItem = Environment['items'][number];

interface PullOptions extends ScopeOptions {
  force?: true;
}

/** It may hold what is meant for this machine's user alone. */
const FILE_MODE = 0o600;

export function pullEnvironment(ctx: CommandContext): Command {
  return newScopeCommand('pull', 'write the environment to a .env file', 'preview')
    .argument('[file]', 'where to', '.env')
    .option('--force', 'replace the file when it is there')
    .addHelpText(
      'after',
      '\nSecrets cannot be read back: they are written as comments, to be filled in.',
    )
    .action(async (file: string, options: PullOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options) };
      const view = await client.call('getEnvironment', { params });
      const items = effectiveItems(view.items, options.scope);
      const content = [
        `# Environment version ${view.version}, ${options.scope}`,
        ...items.map(lineOf),
      ];
      await write(resolve(ctx.cwd, file), `${content.join('\n')}\n`, options.force === true);
      const secrets = items.filter(({ value }) => value === null).length;
      const written = items.length - secrets;
      if (options.json) return ctx.output.json({ file, version: view.version, written, secrets });
      ctx.output.line(`-----> ${file}: ${written} written, ${secrets} to be filled in`);
    });
}

/** What a deployment of that scope gets: the value for all, unless there is a nearer one. */
function effectiveItems(items: EnvironmentItem[], scope: string): EnvironmentItem[] {
  const scopes = scope.startsWith('branch:') ? ['all', 'preview', scope] : ['all', scope];
  const chosen = new Map<string, EnvironmentItem>();
  for (const wanted of scopes) {
    for (const item of items) if (item.scope === wanted) chosen.set(item.name, item);
  }
  return [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function lineOf({ name, value, kind, scope }: EnvironmentItem): string {
  if (value === null) return `# ${name}=  (${kind} for ${scope})`;
  return formatDotenv({ name, value }) ?? `# ${name}=  (no quotes can hold its value)`;
}

async function write(path: string, content: string, isForced: boolean): Promise<void> {
  try {
    await writeFile(path, content, { mode: FILE_MODE, flag: isForced ? 'w' : 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new PlatformError('conflict', `${path} is there already`, {
      hint: 'add --force to replace it, or name another file: fn env pull FILE',
      cause: error,
    });
  }
}
