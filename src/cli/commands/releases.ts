import { InvalidArgumentError } from 'commander';
import type { Deployment } from '../../protocol/control-client.generated.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import { formatAge, formatCommit, formatTable, formatVersion } from '../terminal/output.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;

export const releases: CommandDefinition = (program, ctx) => {
  const command = newCommand('releases', 'list the releases of an app')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--limit <count>', 'how many, newest first', readLimit, DEFAULT_LIMIT);
  program.addCommand(command);
  command.action(async (options: AppOptions & { limit: number }) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const query = { limit: options.limit };
    const page = await client.call('listDeployments', { params: { app: appName }, query });
    if (options.json) return ctx.output.json(page);
    if (page.items.length === 0) {
      ctx.output.line(`${appName} has no releases yet. The first one: git push fn main`);
      return;
    }
    const heading = ['', 'VERSION', 'STATE', 'REF', 'COMMIT', 'WHEN', 'HOW', 'SUBJECT'];
    const rows = page.items.map((release) => toRow(release, ctx.now()));
    for (const line of formatTable(heading, rows)) ctx.output.line(line);
  });
};

function toRow(release: Deployment, nowMs: number): string[] {
  return [
    release.isCurrent ? '*' : '',
    formatVersion(release.version),
    release.state,
    release.ref.replace(/^refs\/(heads|tags)\//, ''),
    formatCommit(release.commit),
    formatAge(release.createdAt, nowMs),
    release.trigger,
    release.reason === null ? release.subject : firstLine(release.reason),
  ];
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`It is a number from 1 to ${MAX_LIMIT}.`);
}
