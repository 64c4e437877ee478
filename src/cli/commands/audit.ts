import { InvalidArgumentError } from 'commander';
import type {
  AuditEntry,
  AuditVerification,
  Operations,
} from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { printableLine } from '../../std/printable.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type CommandContext, type CommonOptions, connect } from '../command-context.ts';
import type { ControlClient } from '../server/control-client.ts';
import { formatTable } from '../terminal/output.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 10_000;
const MAX_PAGE = 200;
const MAX_SHOWN_CHARACTERS = 160;

interface AuditOptions extends CommonOptions {
  app?: string;
  since?: string;
  until?: string;
  actor?: string;
  action?: string;
  limit: number;
  verify?: true;
  from?: number;
}

const HELP = `
Times are ISO 8601 in UTC, or how long ago: 90s, 10m, 2h, 7d.
Without --json, what was requested and has ended is one line, with its outcome.
With --json, one object a line: sequence, at, outcome (requested, succeeded, failed), reason, actor (kind, id, name),
action, app, target, address, userAgent, requestId, before, after.`;

export const audit: CommandDefinition = (program, ctx) => {
  const command = newCommand('audit', 'show who changed what, and prove that nothing was left out')
    .option('--app <name>', 'of this app alone')
    .option('--since <time>', 'nothing older')
    .option('--until <time>', 'nothing newer')
    .option('--actor <token id>', 'what was done with this token')
    .option('--action <name>', 'as in createToken')
    .option('--limit <count>', 'how many entries, the newest', readLimit, DEFAULT_LIMIT)
    .option('--verify', 'prove instead that no entry was removed, changed, moved or cut off')
    .option('--from <sequence>', 'with --verify: begin at this entry', readSequence)
    .addHelpText('after', HELP);
  program.addCommand(command);
  command.action(async (options: AuditOptions) => {
    const client = await connect(ctx);
    await (options.verify ? verify(ctx, client, options) : list(ctx, client, options));
  });
};

async function list(
  { output }: CommandContext,
  client: ControlClient,
  options: AuditOptions,
): Promise<void> {
  const entries = await readNewest(client, options);
  if (options.json) {
    for (const entry of entries) output.line(JSON.stringify(entry));
    return;
  }
  if (entries.length === 0) return output.line('Nothing in the audit log matches.');
  const heading = ['WHEN', 'WHO', 'FROM', 'WHAT', 'APP', 'TARGET', 'OUTCOME'];
  for (const line of formatTable(heading, fold(entries).map(rowOf))) output.line(line);
}

/** Newest first. */
async function readNewest(client: ControlClient, options: AuditOptions): Promise<AuditEntry[]> {
  const { app, since, until, actor, action, limit } = options;
  const given = {
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(actor !== undefined && { actor }),
    ...(action !== undefined && { action }),
  };
  const entries: AuditEntry[] = [];
  let cursor: string | null = null;
  do {
    const size = Math.min(limit - entries.length, MAX_PAGE);
    const query = {
      ...given,
      limit: size,
      ...(cursor !== null && { cursor }),
    };
    const page: Operations['listAuditEntries']['answer'] =
      app === undefined
        ? await client.call('listAuditEntries', { query })
        : await client.call('listAppAuditEntries', { params: { app }, query });
    entries.push(...page.items);
    cursor = page.next;
  } while (cursor !== null && entries.length < limit);
  return entries;
}

/** A request whose outcome is known says nothing more than that. */
function fold(entries: readonly AuditEntry[]): AuditEntry[] {
  const keyOf = ({ requestId, action, target, actor }: AuditEntry): string =>
    JSON.stringify([requestId, action, target, actor.id]);
  const ended = new Map<string, number>();
  return entries.filter((entry) => {
    const key = keyOf(entry);
    const count = ended.get(key) ?? 0;
    if (entry.outcome !== 'requested') ended.set(key, count + 1);
    else if (count > 0) ended.set(key, count - 1);
    return entry.outcome !== 'requested' || count === 0;
  });
}

function rowOf(entry: AuditEntry): string[] {
  const { at, actor, address, action, app, target, outcome, reason } = entry;
  const cells = [
    `${at.slice(0, 19)}Z`,
    actor.name ?? actor.kind,
    address ?? '-',
    action,
    app ?? '-',
    target ?? '-',
    reason === null ? outcome : `${outcome}: ${reason}`,
  ];
  return cells.map((cell) => printableLine(cell, MAX_SHOWN_CHARACTERS));
}

/** @throws PlatformError conflict when the log is not whole */
async function verify(
  { output }: CommandContext,
  client: ControlClient,
  { from = 1, json }: AuditOptions,
): Promise<void> {
  let entries = 0;
  let found: AuditVerification | null = null;
  for (let at: number | null = from; at !== null; at = found.next) {
    found = await client.call('verifyAudit', { query: { from: at } });
    entries += found.entries;
    if (found.next !== null) output.aside(`proved to entry ${found.verifiedTo}, going on`);
  }
  const { verifiedTo = 0, problem = null } = found ?? {};
  if (json) output.json({ entries, verifiedTo, problem });
  if (problem === null) {
    if (!json) output.line(`${entries} entries are whole and as they were written.`);
    return;
  }
  const message = `the audit log is not as it was written: ${problem.message} (${problem.kind})`;
  throw new PlatformError('conflict', message, {
    hint: `entries to ${verifiedTo} are proved; restore the rest from a backup, and look who could write to the database`,
  });
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new InvalidArgumentError(`It is a number from 1 to ${MAX_LIMIT}.`);
}

function readSequence(text: string): number {
  const sequence = Number(text);
  if (Number.isSafeInteger(sequence) && sequence >= 1) return sequence;
  throw new InvalidArgumentError('It is the number of an entry, from 1 on.');
}
