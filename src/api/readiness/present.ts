import type { Warning } from '../../model/warning.ts';

/** Named; more are counted. */
const MAX_NAMED = 20;

const COMMANDS: Record<Warning['kind'], { one: string; more: string; command: string }> = {
  certificate: {
    one: 'certificate of an app needs attention',
    more: 'certificates of apps need attention',
    command: 'fn certificates list',
  },
  domain: {
    one: 'domain of an app does not lead here',
    more: 'domains of apps do not lead here',
    command: 'fn domains list --app APP',
  },
  disk: {
    one: 'disk is full',
    more: 'disks are full',
    command: 'fn doctor',
  },
};

/**
 * Names what is the platform's own, which everybody knows who can ask, and what the reader may see; of the rest it tells how much
 * there is.
 */
export function presentWarnings(
  warnings: readonly Warning[],
  maySee: (appId: string) => boolean,
): string[] {
  const isNamed = ({ appId }: Warning): boolean => appId === null || maySee(appId);
  const named = warnings.filter(isNamed);
  const others = warnings.filter((warning) => !isNamed(warning));
  const rest = named.length - MAX_NAMED;
  return [
    ...named.slice(0, MAX_NAMED).map(({ message }) => message),
    ...(rest > 0 ? [`${rest} more`] : []),
    ...(['certificate', 'domain', 'disk'] as const).flatMap((kind) => counted(kind, others)),
  ];
}

function counted(kind: Warning['kind'], warnings: readonly Warning[]): string[] {
  const count = warnings.filter((warning) => warning.kind === kind).length;
  if (count === 0) return [];
  const { one, more, command } = COMMANDS[kind];
  return [`${count} ${count === 1 ? one : more}: ${command}`];
}
