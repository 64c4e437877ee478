import { Option } from 'commander';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, connect } from '../command-context.ts';
import { DAY_S, durationUpTo } from '../terminal/duration.ts';
import { describeMetrics } from './metrics/format-metrics.ts';
import { watchMetrics } from './metrics/watch-metrics.ts';

interface MetricsOptions extends AppOptions {
  function?: string;
  deployment?: string;
  /** Seconds. */
  watch?: number;
}

const DEFAULT_WATCH_S = 2;
const MS_PER_SECOND = 1_000;

export const metrics: CommandDefinition = (program, ctx) => {
  const every = new Option(
    '--watch [time]',
    `show them again every ${DEFAULT_WATCH_S} s, or as often as this says, until Ctrl-C`,
  ).argParser(durationUpTo(DAY_S));
  const command = newCommand('metrics', 'show what the functions of an app have had')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--function <name>', 'this function alone')
    .option('--deployment <name>', 'of one deployment: a version, branch, tag or commit')
    .addOption(every.preset(`${DEFAULT_WATCH_S}`));
  program.addCommand(command);
  command.action(async (options: MetricsOptions) => {
    const client = await connect(ctx);
    const appName = await chooseApp(ctx, options);
    const { function: name, deployment: of } = options;
    const query = {
      ...(name !== undefined && { function: name }),
      ...(of !== undefined && { deployment: of }),
    };
    const read = () => client.call('getAppMetrics', { params: { app: appName }, query });
    if (options.watch !== undefined) {
      const everyMs = options.watch * MS_PER_SECOND;
      return watchMetrics(ctx, { read, everyMs, isJson: options.json === true });
    }
    const view = await read();
    if (options.json) return ctx.output.json(view);
    for (const line of describeMetrics(view)) ctx.output.line(line);
  });
};
