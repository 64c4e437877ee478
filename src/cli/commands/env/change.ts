import type { EnvironmentResult, Operations } from '../../../protocol/control-client.generated.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../../command-context.ts';
import { formatVersion } from '../../terminal/output.ts';

export type EnvironmentPatch = Operations['changeEnvironment']['input']['body'];

/** Sends a change and tells what came of it. @throws PlatformError release-failed when it is not live */
export async function changeEnvironment(
  ctx: CommandContext,
  options: AppOptions,
  patch: EnvironmentPatch,
): Promise<void> {
  const client = await connect(ctx);
  const params = { app: await chooseApp(ctx, options) };
  const result = await client.call('changeEnvironment', { params, body: patch });
  if (options.json) ctx.output.json(result);
  else for (const line of describeChange(patch, result)) ctx.output.line(line);
  refuseUnreleased(result);
}

function describeChange(patch: EnvironmentPatch, result: EnvironmentResult): string[] {
  const { version, set, unset, warnings, previews } = result;
  const asked = (patch.set?.length ?? 0) + (patch.unset?.length ?? 0);
  const unchanged = asked - set.length - unset.length;
  if (unchanged === asked) {
    return [`-----> Nothing to change: environment version ${version} has it all`];
  }
  const kept = unchanged === 0 ? '' : `, ${unchanged} as before`;
  return [
    `-----> Environment version ${version}: ${set.length} set, ${unset.length} unset${kept}`,
    ...set.map(({ name, scope, kind }) => `       ${name} (${kind}, ${scope})`),
    ...unset.map(({ name, scope }) => `       ${name} unset (${scope})`),
    ...warnings.map((warning) => ` !     ${warning}`),
    ...describeProduction(result),
    ...(previews === 0 ? [] : [`       Previews     ${previews} have it`]),
  ];
}

function describeProduction({ production, elapsedMs }: EnvironmentResult): string[] {
  const { state, isReleased, live } = production;
  if (state === 'none') return ['       Production   nothing is live yet; the next push has it'];
  if (state !== 'current' || live === null) return [];
  const version = formatVersion(live.version);
  if (!isReleased) return [`       Production   ${version}, unchanged by this`];
  return [
    `       Production   ${version} is live with it, without a build`,
    `       URL          ${live.url}`,
    `       Took         ${Math.round(elapsedMs)} ms`,
  ];
}

function refuseUnreleased({ production, version }: EnvironmentResult): void {
  const { state, live, reason } = production;
  if (state === 'none' || state === 'current') return;
  const serving = `${formatVersion(live?.version ?? null)} with environment version ${live?.envVersion}`;
  if (state === 'postponed') {
    throw new PlatformError('busy', `the change is kept, and ${serving} still serves: ${reason}`, {
      hint: 'nothing has to be done: it goes live as soon as a worker can be had',
    });
  }
  throw new PlatformError(
    'release-failed',
    `environment version ${version} is kept, and ${serving} still serves: ${reason}`,
    { hint: 'set what the code needs (fn env set …), or mend the code and push: git push fn main' },
  );
}
