import type { Command } from 'commander';
import type { Certificate } from '../../../protocol/control-client.generated.ts';
import { printableLine } from '../../../std/printable.ts';
import { newCommand } from '../../command.ts';
import { type CommandContext, type CommonOptions, connect } from '../../command-context.ts';
import { listAll } from '../../server/list-all.ts';
import { formatTable } from '../../terminal/output.ts';

const MAX_SHOWN_CHARACTERS = 200;
/** `NEXT`: when it is ordered, renewed or tried again. */
const HEADING = ['ID', 'NAMES', 'APP', 'SOURCE', 'STATE', 'ENDS', 'NEXT', 'PROBLEM'];
/** Others are counted: a certificate of the platform may have a hundred. */
const SHOWN_NAMES = 3;

export function listCertificates(ctx: CommandContext): Command {
  return newCommand('list', 'list the certificates of the platform and of its apps').action(
    async (options: CommonOptions) => {
      const client = await connect(ctx);
      const items = await listAll(client, 'listCertificates', {});
      if (options.json) return ctx.output.json({ items });
      if (items.length === 0) {
        ctx.output.line('There are no certificates yet.');
        return;
      }
      const rows = items.map((view) => rowOf(view, ctx.now()));
      for (const line of formatTable(HEADING, rows)) ctx.output.line(line);
      const hints = items.flatMap(({ problem }) => (problem === null ? [] : [problem.hint]));
      for (const hint of new Set(hints)) ctx.output.aside(`to do: ${shown(hint)}`);
    },
  );
}

function rowOf(view: Certificate, now: number): string[] {
  const { id, names, app, source, state, notAfter, nextAttempt, problem } = view;
  return [
    id ?? '-',
    shownNames(names),
    app ?? '-',
    source,
    state,
    notAfter?.slice(0, 10) ?? '-',
    shownTime(nextAttempt, now),
    shown(problem?.message ?? ''),
  ];
}

/** To the minute, in UTC. */
function shownTime(time: string | null, now: number): string {
  if (time === null) return '-';
  return Date.parse(time) <= now ? 'now' : time.slice(0, 16).replace('T', ' ');
}

function shownNames(names: readonly string[]): string {
  const rest = names.length - SHOWN_NAMES;
  return names.slice(0, SHOWN_NAMES).join(' ') + (rest > 0 ? ` +${rest}` : '');
}

/** What authorities have said may be in it. */
function shown(text: string): string {
  return printableLine(text, MAX_SHOWN_CHARACTERS);
}
