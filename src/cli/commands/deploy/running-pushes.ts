import type { Push, PushOutput } from '../../../protocol/control-client.generated.ts';
import { type ErrorCode, PlatformError } from '../../../protocol/errors.ts';
import type { ControlClient } from '../../server/control-client.ts';
import { listAll } from '../../server/list-all.ts';
import { pathOf } from '../../server/operation-call.ts';
import { formatAge, formatCommit } from '../../terminal/output.ts';

type Outcome = NonNullable<Push['outcome']>;

/** Running pushes and the last that have ended, newest first. */
export async function listPushes(client: ControlClient, appName: string): Promise<Push[]> {
  return listAll(client, 'listPushes', { params: { app: appName } });
}

/** Whether somebody means this push by its id, its branch or tag, or a commit of it. */
export function isMeant({ id, refs }: Push, name: string): boolean {
  return (
    id === name ||
    refs.some(({ ref, commit }) => {
      return ref === name || shortName(ref) === name || isPrefix(name, commit);
    })
  );
}

const SHORTEST_PREFIX = 7;

function isPrefix(name: string, commit: string | null): boolean {
  return name.length >= SHORTEST_PREFIX && commit?.startsWith(name.toLowerCase()) === true;
}

function shortName(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, '');
}

/** `main (abcdef0) by laptop, 3 min ago` */
export function describePush({ refs, by, startedAt }: Push, nowMs: number): string {
  const names = refs.map(({ ref, commit }) => `${shortName(ref)} (${formatCommit(commit)})`);
  return `${names.join(', ')} by ${by}, ${formatAge(startedAt, nowMs)}`;
}

/** Follows a push to its end. @throws PlatformError when the server stops before, or the token ends */
export async function followPush(
  client: ControlClient,
  { appName, id }: { appName: string; id: string },
  onOutput: (output: PushOutput) => void,
): Promise<Outcome> {
  const path = pathOf('followPush', { params: { app: appName, push: id } });
  for await (const output of client.stream<PushOutput>(path)) {
    onOutput(output);
    if ('outcome' in output && output.outcome !== undefined) return output.outcome;
  }
  // It may be the token that has ended: then this says so.
  await client.call('whoAmI');
  throw new PlatformError('unavailable', 'the server stopped before the push had ended', {
    hint: 'see what became of it: fn releases',
  });
}

/** As which failure of the command an outcome counts. */
const FAILURES = {
  succeeded: null,
  refused: ['bad-request', 'the push was refused'],
  'build-failed': ['build-failed', 'the build failed'],
  'release-failed': ['release-failed', 'the code was built and is not live'],
  superseded: ['superseded', 'a newer push of the same branch took over'],
  cancelled: ['internal', 'the push was cancelled'],
  failed: ['unavailable', 'the platform could not take the push'],
} as const satisfies Record<Outcome, [ErrorCode, string] | null>;

/** @throws PlatformError unless the push succeeded */
export function requireSuccess(outcome: Outcome): void {
  const failure = FAILURES[outcome];
  if (failure === null) return;
  throw new PlatformError(failure[0], `${failure[1]}; what was live before still serves`, {
    hint: outcome === 'failed' ? 'push again in a moment' : 'the lines above say why',
  });
}
