import type { AppMetrics, Metrics } from '../protocol/control-client.generated.ts';
import { type CommandDefinition, newCommand } from './command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from './command-context.ts';
import { formatTable } from './output.ts';

interface MetricsOptions extends AppOptions {
  function?: string;
  deployment?: string;
}

const BYTES_PER_MB = 1024 * 1024;
const HEADING = ['FUNCTION', 'INVOCATIONS', 'ERRORS', 'P50', 'P95', 'P99', 'COLD', 'COST'];

export const metrics: CommandDefinition = (program, ctx) => {
  const command = newCommand('metrics', 'show what the functions of an app have had')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--function <name>', 'this function alone')
    .option('--deployment <name>', 'of one deployment: a version, branch, tag or commit');
  program.addCommand(command);
  command.action(async (options: MetricsOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const { function: name, deployment: of } = options;
    const query = {
      ...(name !== undefined && { function: name }),
      ...(of !== undefined && { deployment: of }),
    };
    const view = await client.call('getAppMetrics', { params: { app: appName }, query });
    if (options.json) return ctx.output.json(view);
    if (view.metrics.invocations + view.metrics.refused === 0) {
      ctx.output.line(`${nameOf(view)} has not been invoked yet. To try it: fn open`);
      return;
    }
    print(ctx, view);
  });
};

function nameOf({ app, function: name }: AppMetrics): string {
  return name === null ? app : `${app}:${name}`;
}

function print(ctx: CommandContext, view: AppMetrics): void {
  for (const [name, value] of summaryOf(view.metrics)) {
    ctx.output.line(`${name.padEnd(14)}${value}`);
  }
  if (view.functions.length < 2) return;
  ctx.output.line('');
  const rows = view.functions.map((one) => [one.function, ...rowOf(one.metrics)]);
  for (const line of formatTable(HEADING, rows)) ctx.output.line(line);
}

function summaryOf(of: Metrics): [string, string][] {
  const errors: [string, number][] = [
    ['threw', of.throws],
    ['timed out', of.timeouts],
    ['crashed', of.crashes],
    ['out of memory', of.outOfMemory],
    ['did not start', of.startFailures],
  ];
  const kinds = errors.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`);
  const reasons = kinds.length === 0 ? '' : `: ${kinds.join(', ')}`;
  return [
    ['Invocations', `${of.invocations}, ${of.refused} more were refused`],
    ['Errors', `${of.errors} (${of.errorRate} %)${reasons}; answered with 5xx: ${of.serverErrors}`],
    [
      'Duration',
      `p50 ${of.p50Duration} ms, p95 ${of.p95Duration} ms, p99 ${of.p99Duration} ms, longest ${of.maxDuration} ms`,
    ],
    [
      'Cold starts',
      `${of.coldStarts} (${of.coldStartRate} %), ${of.avgColdStartDuration} ms on average, p95 ${of.p95ColdStartDuration} ms`,
    ],
    ['Memory', `${of.maxMemoryUsed} MB at most`],
    ['Traffic', `${megabytes(of.requestBytes)} in, ${megabytes(of.responseBytes)} out`],
    ['Cost', `$${of.totalCost} at Lambda's prices: ${of.gbSeconds} GB-seconds`],
  ];
}

function rowOf(of: Metrics): string[] {
  return [
    String(of.invocations),
    `${of.errors} (${of.errorRate} %)`,
    `${of.p50Duration} ms`,
    `${of.p95Duration} ms`,
    `${of.p99Duration} ms`,
    `${of.coldStarts}`,
    `$${of.totalCost}`,
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / BYTES_PER_MB).toFixed(1)} MB`;
}
