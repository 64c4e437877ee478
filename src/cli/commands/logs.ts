import { InvalidArgumentError, Option } from 'commander';
import type { LogEntry } from '../../protocol/control-client.generated.ts';
import { LOG_LEVELS } from '../../protocol/logs.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import type { ControlClient } from '../server/control-client.ts';
import { followLog, type LogQuery } from './logs/follow-log.ts';
import { formatLogEntry } from './logs/format-log.ts';
import { pathOf } from '../server/operation-call.ts';

const DEFAULT_LIMIT = 100;
/** Of a time that was asked for, all is meant. */
const DEFAULT_LIMIT_SINCE = 1_000;
const MAX_LIMIT = 10_000;
const MAX_PAGE = 1_000;
/** Kept before the first is printed, since the newest come first. */
const MAX_CHARACTERS = 64 * 1024 * 1024;

interface LogOptions extends AppOptions {
  tail?: true;
  since?: string;
  until?: string;
  level?: NonNullable<LogQuery['level']>;
  search?: string;
  function?: string;
  deployment?: string;
  request?: string;
  limit?: number;
}

const HELP = `
Times are ISO 8601 in UTC, or how long ago: 90s, 10m, 2h, 7d.
With --json, one object a line: id, at, level, kind (line, report, failure, notice), function, version, deployment,
requestId, text, fields.`;

export const logs: CommandDefinition = (program, ctx) => {
  const command = newCommand('logs', 'show what the functions of an app print')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('-t, --tail', 'go on as more is printed, until Ctrl-C')
    .option('--since <time>', 'nothing older')
    .option('--until <time>', 'nothing newer')
    .addOption(new Option('--level <level>', 'this one and those above').choices(LOG_LEVELS))
    .option('--search <text>', 'only entries with this text, whatever its case')
    .option('--function <name>', 'of one function')
    .option('--deployment <name>', 'of one deployment: a version, branch, commit or id')
    .option('--request <id>', 'of one request, by its id or the beginning of it')
    .option('--limit <count>', 'how many, the newest', readLimit)
    .addHelpText('after', HELP);
  program.addCommand(command);
  command.action(async (options: LogOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const hasColors = process.stdout.isTTY && process.stdout.hasColors();
    const print = (entry: LogEntry): void =>
      ctx.output.line(options.json ? JSON.stringify(entry) : formatLogEntry(entry, { hasColors }));
    ctx.output.waitFor(options.tail ? null : 'the log');
    if (options.tail) await follow(client, { appName, query: queryOf(options), print });
    const { items, isMore } = await readNewest(client, appName, queryOf(options));
    for (const entry of items.toReversed()) print(entry);
    const isCut = items.length < queryOf(options).limit;
    if (isMore && isCut)
      note('older entries are left out: these are too large already; add --until');
    else if (isMore && options.since !== undefined)
      note('older entries are left out: add --limit N');
    if (items.length === 0 && !options.json) ctx.output.line(emptyText(appName, options));
  });
};

async function follow(
  client: ControlClient,
  { appName, query, print }: { appName: string; query: LogQuery; print: (entry: LogEntry) => void },
): Promise<never> {
  return followLog(client, {
    query: { ...query, limit: Math.min(query.limit ?? DEFAULT_LIMIT, MAX_PAGE) },
    path: (at) => pathOf('listLogs', { params: { app: appName }, query: { ...at, tail: true } }),
    onEntry: print,
    onNotice: note,
  });
}

/** Newest first, a page at a time. */
async function readNewest(
  client: ControlClient,
  appName: string,
  query: LogQuery,
): Promise<{ items: LogEntry[]; isMore: boolean }> {
  const items: LogEntry[] = [];
  const limit = query.limit ?? DEFAULT_LIMIT;
  let cursor: string | null = null;
  let characters = 0;
  do {
    const size = Math.min(limit - items.length, MAX_PAGE);
    const at: LogQuery = { ...query, limit: size, ...(cursor !== null && { cursor }) };
    const page = await client.call('listLogs', { params: { app: appName }, query: at });
    items.push(...page.items);
    cursor = page.next;
    characters += page.items.reduce((sum, item) => sum + lengthOf(item), 0);
  } while (cursor !== null && items.length < limit && characters < MAX_CHARACTERS);
  return { items, isMore: cursor !== null };
}

function queryOf(options: LogOptions): LogQuery & { limit: number } {
  const { since, until, level, search, deployment, request } = options;
  const limit = options.limit ?? (since === undefined ? DEFAULT_LIMIT : DEFAULT_LIMIT_SINCE);
  const given = { since, until, level, search, function: options.function, deployment, request };
  return { ...without(given, undefined), limit };
}

function lengthOf({ text, fields }: LogEntry): number {
  return text.length + (fields === null ? 0 : JSON.stringify(fields).length);
}

function without(options: object, value: unknown): LogQuery {
  return Object.fromEntries(Object.entries(options).filter(([, given]) => given !== value));
}

function emptyText(appName: string, options: LogOptions): string {
  const { since, until, level, search, deployment, request } = options;
  const isFiltered = [since, until, level, search, options.function, deployment, request].some(
    (value) => value !== undefined,
  );
  if (isFiltered) return `Nothing in the log of ${appName} matches. All of it: fn logs`;
  return `The log of ${appName} is empty. Ask the app for something: each request leaves a line here, and all that its code prints with console.log.`;
}

function note(text: string): void {
  process.stderr.write(`fn: ${text}\n`);
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`a whole number from 1 to ${MAX_LIMIT} is needed.`);
}
