import { setTimeout as delay } from 'node:timers/promises';
import type { AppMetrics } from '../../../protocol/control-client.generated.ts';
import { ERROR_TABLE, PlatformError } from '../../../protocol/errors.ts';
import type { CommandContext } from '../../command-context.ts';
import { describeMetrics, metricsLine, nameOf } from './format-metrics.ts';

const MS_PER_SECOND = 1_000;

interface Watch {
  read: () => Promise<AppMetrics>;
  everyMs: number;
  isJson: boolean;
}

/**
 * Shows metrics again and again for ever: on a terminal in one place, elsewhere a line each time, or a JSON document. When
 * the server is away, or restarts, it goes on once it is back.
 * @throws PlatformError when they cannot be read the first time, or the server refuses them later
 */
export async function watchMetrics(
  ctx: CommandContext,
  { read, everyMs, isJson }: Watch,
): Promise<never> {
  let last: AppMetrics | null = null;
  let isLost = false;
  for (;;) {
    // Later on it is known what is waited for.
    ctx.output.waitFor(last === null ? 'the server' : null);
    try {
      const view = await read();
      if (isLost) tell(ctx, 'connected again', null);
      isLost = false;
      show(view, last);
      last = view;
    } catch (error) {
      if (last === null || !canHelp(error)) throw error;
      if (!isLost) tell(ctx, 'the server does not answer; trying again', last);
      isLost = true;
    }
    ctx.output.waitFor(null);
    await delay(everyMs);
  }

  function show(view: AppMetrics, before: AppMetrics | null): void {
    const { output } = ctx;
    if (isJson) return output.line(JSON.stringify(view));
    if (output.screen === null) return output.line(`${timeOf(ctx)} ${metricsLine(view, before)}`);
    const title = `${nameOf(view)} at ${timeOf(ctx)}, every ${everyMs / MS_PER_SECOND} s`;
    output.screen([`${title} (Ctrl-C ends it)`, '', ...describeMetrics(view)]);
  }
}

/** Beside the figures; on a terminal in their place, which is shown with those that were `last`. */
function tell({ output }: CommandContext, text: string, last: AppMetrics | null): void {
  if (output.screen === null) output.aside(`fn: ${text}`);
  else if (last !== null) output.screen([`fn: ${text}`, '', ...describeMetrics(last)]);
}

/** Trying again. */
function canHelp(error: unknown): boolean {
  return error instanceof PlatformError && ERROR_TABLE[error.code].retryable;
}

/** Of the day, in UTC as in logs. */
function timeOf(ctx: CommandContext): string {
  return `${new Date(ctx.now()).toISOString().slice(11, 19)}Z`;
}
