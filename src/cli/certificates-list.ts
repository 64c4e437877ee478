import type { Command } from 'commander';
import type { CertificateView } from '../protocol/certificates-api.ts';
import type { Page } from '../protocol/control-api.ts';
import { printableLine } from '../std/printable.ts';
import { newCommand } from './command.ts';
import { type CommandContext, type CommonOptions, connect } from './command-context.ts';
import { formatTable } from './output.ts';

const MAX_SHOWN_CHARACTERS = 200;
/** Others are counted: a certificate of the platform may have a hundred. */
const SHOWN_NAMES = 3;

export function listCertificates(ctx: CommandContext): Command {
  return newCommand('list', 'list the certificates of the platform and of its apps').action(
    async (options: CommonOptions) => {
      const client = await connect(ctx);
      const page = await client.call<Page<CertificateView>>({
        method: 'GET',
        path: '/certificates',
      });
      if (options.json) return ctx.output.json(page);
      if (page.items.length === 0) {
        ctx.output.line('There are no certificates yet.');
        return;
      }
      const heading = ['ID', 'NAMES', 'APP', 'SOURCE', 'STATE', 'ENDS', 'PROBLEM'];
      for (const line of formatTable(heading, page.items.map(rowOf))) ctx.output.line(line);
      for (const { problem } of page.items) {
        if (problem !== null) ctx.output.aside(`to do: ${shown(problem.hint)}`);
      }
    },
  );
}

function rowOf(view: CertificateView): string[] {
  const { id, names, app, source, state, notAfter, problem } = view;
  return [
    id ?? '-',
    shownNames(names),
    app ?? '-',
    source,
    state,
    notAfter?.slice(0, 10) ?? '-',
    shown(problem?.message ?? ''),
  ];
}

function shownNames(names: readonly string[]): string {
  const rest = names.length - SHOWN_NAMES;
  return names.slice(0, SHOWN_NAMES).join(' ') + (rest > 0 ? ` +${rest}` : '');
}

/** What authorities have said may be in it. */
function shown(text: string): string {
  return printableLine(text, MAX_SHOWN_CHARACTERS);
}
