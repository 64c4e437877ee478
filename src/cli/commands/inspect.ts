import type {
  DeployedFunction,
  DeploymentDetail,
} from '../../protocol/control-client.generated.ts';
import { formatBytes } from '../../protocol/display.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import type { ControlClient } from '../server/control-client.ts';
import { formatAge, formatTable, formatVersion } from '../terminal/output.ts';

export const inspect: CommandDefinition = (program, ctx) => {
  const command = newCommand('inspect', 'show everything of one deployment')
    .argument('[target]', 'a version, branch, tag or commit; without it, what production serves')
    .option('--app <name>', 'the app, when not that of this repository');
  program.addCommand(command);
  command.action(async (target: string | undefined, options: AppOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const detail = await readDeployment(client, appName, target);
    if (options.json) return ctx.output.json(detail);
    for (const [name, value] of describe(detail, ctx.now())) {
      if (value !== null) ctx.output.line(`${name.padEnd(12)} ${value}`);
    }
    if (detail.functions.length === 0) return;
    ctx.output.line('');
    const heading = ['FUNCTION', 'FILE', 'PATH', 'METHODS', 'MEMORY', 'TIMEOUT', 'CONVENTION'];
    for (const line of formatTable(heading, detail.functions.map(toRow))) ctx.output.line(line);
  });
};

/** The deployment of that name, or the one that production serves. @throws PlatformError not-found */
async function readDeployment(
  client: ControlClient,
  appName: string,
  target: string | undefined,
): Promise<DeploymentDetail> {
  const name = target ?? (await productionVersion(client, appName));
  return client.call('getDeployment', { params: { app: appName, deployment: name } });
}

async function productionVersion(client: ControlClient, appName: string): Promise<string> {
  const { version } = await client.call('getApp', { params: { app: appName } });
  if (version !== null) return formatVersion(version);
  throw new PlatformError('not-found', `production of ${appName} serves nothing yet`, {
    hint: 'deploy it: git push fn main   (fn releases shows what was tried)',
  });
}

/** Label and value; a null value is not shown. */
function describe(detail: DeploymentDetail, nowMs: number): [string, string | null][] {
  const { version, kind, ref, state, isCurrent, reason, commit, bundle, bundleBytes } = detail;
  const at = (time: string | null): string | null =>
    time === null ? null : `${time} (${formatAge(time, nowMs)})`;
  return [
    [
      'Version',
      version === null ? 'none: it serves the URL of its commit' : formatVersion(version),
    ],
    ['Deployment', detail.id],
    ['State', isCurrent ? `${state}: its URL answers with it` : state],
    ['Reason', reason],
    ['URL', detail.url],
    ['This commit', detail.commitUrl],
    ['Commit', `${commit} ${detail.subject}`],
    ['Author', detail.author],
    ['Ref', `${ref.replace(/^refs\/(heads|tags)\//, '')} (${kind})`],
    ['Trigger', describeTrigger(detail)],
    ['Environment', `version ${detail.envVersion}`],
    ['Bundle', bundle === null ? null : `${formatBytes(bundleBytes ?? 0)}, ${bundle}`],
    ['Built in', detail.buildMs === null ? null : `${detail.buildMs} ms`],
    ['Created', at(detail.createdAt)],
    ['Live', at(detail.liveAt)],
    ['Ended', at(detail.endedAt)],
  ];
}

function describeTrigger({ trigger, sourceVersion, createdBy }: DeploymentDetail): string {
  const of = sourceVersion === null ? '' : ` of v${sourceVersion}`;
  return `${trigger}${of}${createdBy === null ? '' : `, with the token "${createdBy}"`}`;
}

function toRow(fn: DeployedFunction): string[] {
  return [
    fn.name,
    fn.entry ?? '-',
    fn.path ?? '/*',
    fn.methods?.join(',') ?? 'all',
    `${fn.memoryMib} MB`,
    `${fn.timeoutMs / 1000} s`,
    fn.convention ?? 'by its exports',
  ];
}
