import { type Command, InvalidArgumentError } from 'commander';
import type {
  Environment,
  EnvironmentVersion,
} from '../../../protocol/control-client.generated.ts';
import { printableLine } from '../../../std/printable.ts';
import { newCommand } from '../../command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../../command-context.ts';
import { formatAge, formatTable } from '../../terminal/output.ts';

type EnvironmentItem = Environment['items'][number];
type ScopedName = EnvironmentVersion['set'][number];

interface ListOptions extends AppOptions {
  versions?: true;
  at?: number;
}

const MAX_VERSIONS = 200;
const MAX_SHOWN_CHARACTERS = 60;

export function listEnvironment(ctx: CommandContext): Command {
  return newCommand('list', 'list the environment')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--versions', 'list the versions and what each changed')
    .option('--at <version>', 'the environment as it was at that version', readVersion)
    .action(async (options: ListOptions) => {
      const client = await connect(ctx);
      const params = { app: await chooseApp(ctx, options) };
      if (options.versions) {
        const query = { limit: MAX_VERSIONS };
        const page = await client.call('listEnvironmentVersions', { params, query });
        return options.json ? ctx.output.json(page) : printVersions(ctx, page.items);
      }
      const query = options.at === undefined ? {} : { version: options.at };
      const view = await client.call('getEnvironment', { params, query });
      return options.json ? ctx.output.json(view) : printEnvironment(ctx, view);
    });
}

function printEnvironment(ctx: CommandContext, { version, items }: Environment): void {
  if (items.length === 0) {
    ctx.output.line(
      `Nothing is set in environment version ${version}. Set something: fn env set NAME=value`,
    );
    return;
  }
  const heading = ['NAME', 'SCOPE', 'KIND', 'BUILD', 'VERSION', 'WHEN', 'BY', 'VALUE'];
  const rows = items.map((item) => [
    item.name,
    item.scope,
    item.kind,
    item.build ? 'yes' : '',
    String(item.version),
    formatAge(item.updatedAt, ctx.now()),
    item.updatedBy ?? '-',
    shownValue(item),
  ]);
  for (const line of formatTable(heading, rows)) ctx.output.line(line);
}

/** On one line; what could steer a terminal is made visible. */
function shownValue({ value, kind }: EnvironmentItem): string {
  if (value === null) return kind === 'secret' ? '(secret)' : '(hidden from this token)';
  return printableLine(value.replaceAll('\n', '\\n'), MAX_SHOWN_CHARACTERS);
}

function printVersions(ctx: CommandContext, versions: EnvironmentVersion[]): void {
  const rows = versions.map((row) => [
    String(row.version),
    formatAge(row.createdAt, ctx.now()),
    row.createdBy ?? '-',
    describeVersion(row),
  ]);
  for (const line of formatTable(['VERSION', 'WHEN', 'BY', 'CHANGE'], rows)) ctx.output.line(line);
}

function describeVersion({ set, unset, restoredFrom }: EnvironmentVersion): string {
  const named = ({ name, scope }: ScopedName): string => `${name} (${scope})`;
  const parts = [
    ...set.map((value) => `+${named(value)}`),
    ...unset.map((value) => `-${named(value)}`),
  ];
  const from = restoredFrom === null ? '' : `as in version ${restoredFrom}: `;
  return from + parts.join(', ');
}

function readVersion(text: string): number {
  const version = Number(text.replace(/^v/, ''));
  if (Number.isInteger(version) && version >= 0) return version;
  throw new InvalidArgumentError('It is a number, as fn env list --versions shows it.');
}
