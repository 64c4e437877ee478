/** A domain as the commands show it. */
import type { Domain } from '../../../protocol/control-client.generated.ts';
import { printableLine } from '../../../std/printable.ts';
import type { CommandContext } from '../../command-context.ts';
import { formatTable } from '../../terminal/output.ts';

const PURPOSES = {
  both: 'proves it and leads it here',
  proof: 'proves it',
  pointing: 'leads it here',
} as const;

/** What DNS holds belongs to others. */
const MAX_SHOWN_CHARACTERS = 300;

/** What a domain serves, in words. */
export function describeTarget({ branch, redirectTo }: Domain): string {
  if (redirectTo !== null) return `redirect to ${redirectTo}`;
  return branch === null ? 'production' : `branch ${branch}`;
}

/** How it is with its certificate, in words; a dash where there is to be none. */
export function describeCertificate({ certificate }: Domain): string {
  if (certificate === null) return '-';
  const { state, expiresAt } = certificate;
  if (expiresAt === null) return state === 'pending' ? 'on its way' : 'none';
  return `${state === 'expired' ? 'expired on' : 'valid until'} ${expiresAt.slice(0, 10)}`;
}

/** What keeps it from being verified, reached, or reached in private. */
export function problemsOf({ problem, certificate }: Domain): string[] {
  const { problem: failure = null, hint = null } = certificate ?? {};
  const failed =
    failure === null ? null : `its certificate: ${failure}${hint === null ? '' : ` (${hint})`}`;
  return [problem, failed].filter((text) => text !== null);
}

/** How it is with a domain, and what is to be done. */
export function showDomain(ctx: CommandContext, domain: Domain): void {
  const { output } = ctx;
  if (domain.state === 'verified') {
    const does = domain.redirectTo === null ? 'serves' : 'is a';
    output.line(`${nameOf(domain)} is verified: ${domain.url} ${does} ${describeTarget(domain)}.`);
    if (domain.certificate !== null) output.line(`Certificate: ${describeCertificate(domain)}.`);
    for (const problem of problemsOf(domain)) output.aside(`warning: ${shown(problem)}`);
    return;
  }
  output.line(`${nameOf(domain)} waits for its proof.`);
  if (domain.records.length === 0) return;
  const [first] = domain.records;
  const which = first?.purpose === 'both' ? 'the first of these records is enough' : 'create these';
  output.line('');
  output.line(`In DNS, ${which}:`);
  for (const line of recordLines(domain)) output.line(`  ${line}`);
  output.line('');
  output.line('DNS has now:');
  for (const { type, name, server, message } of domain.findings) {
    const by = server === null ? '' : `${shown(server)} says: `;
    output.line(`  ${type.padEnd(5)}  ${by}${name} ${shown(message)}`);
  }
}

function recordLines({ records }: Domain): string[] {
  const rows = records.map(({ type, name, value, purpose }) => {
    return [type, name, value, PURPOSES[purpose]];
  });
  return formatTable(['TYPE', 'NAME', 'VALUE', 'WHAT FOR'], rows);
}

function nameOf({ name, displayName }: Domain): string {
  return name === displayName
    ? name
    : `${printableLine(displayName, MAX_SHOWN_CHARACTERS)} (${name})`;
}

/** On one line; what could steer a terminal is taken out. */
export function shown(text: string): string {
  return printableLine(text, MAX_SHOWN_CHARACTERS);
}
