import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Invocation } from '../../protocol/control-client.generated.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { type CommandDefinition, newCommand } from '../command.ts';
import { type AppOptions, chooseApp, type CommandContext, connect } from '../command-context.ts';

interface InvokeOptions extends AppOptions {
  function?: string;
  data?: string;
  version?: number;
}

const FIRST_FAILURE_STATUS = 400;

export const invoke: CommandDefinition = (program, ctx) => {
  const command = newCommand('invoke', 'invoke a function and show what it answers')
    .option('--app <name>', 'the app, when not that of this repository')
    .option('--function <name>', 'one function: its id, its app, or its name within the app')
    .option('--data <json>', 'the event: JSON, @file, or - for standard input')
    .option(
      '--version <number>',
      'another version than that in production, by its number',
      readVersion,
    );
  program.addCommand(command);
  command.action(async (options: InvokeOptions) => {
    const event = await readEvent(ctx, options.data);
    const client = await connect(ctx);
    const name = await functionName(ctx, options);
    const { version } = options;
    const query = { ...(version !== undefined && { version }) };
    const params = { function: name };
    const result = await client.call('invokeFunction', { params, query, body: event });
    if (options.json) ctx.output.json(result);
    else print(ctx, result);
    if (result.statusCode >= FIRST_FAILURE_STATUS) process.exitCode = 1;
  });
};

async function functionName(ctx: CommandContext, options: InvokeOptions): Promise<string> {
  const appName = await chooseApp(ctx, options);
  return options.function === undefined ? appName : `${appName}:${options.function}`;
}

/** `2`, or `v2` as it is shown. */
function readVersion(text: string): number {
  const version = Number(/^v?([1-9]\d{0,5})$/.exec(text)?.[1]);
  if (!Number.isNaN(version)) return version;
  throw new InvalidArgumentError('It is a number such as 2: fn releases shows them.');
}

/** @throws PlatformError bad-request */
async function readEvent(ctx: CommandContext, data: string | undefined): Promise<unknown> {
  const text = await readText(ctx, data);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const { message } = cause as SyntaxError;
    throw new PlatformError('bad-request', `the event is no JSON: ${message}`, {
      hint: `give it as: --data '{"name":"John"}', --data @event.json, or --data -`,
      cause,
    });
  }
}

async function readText(ctx: CommandContext, data = '{}'): Promise<string> {
  if (data === '-') return ctx.input.readAll();
  if (!data.startsWith('@')) return data;
  const path = resolve(ctx.cwd, data.slice(1));
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new PlatformError('bad-request', `${path} cannot be read`, {
      hint: 'name a file that holds the event',
      cause,
    });
  }
}

function print(ctx: CommandContext, result: Invocation): void {
  const { body, logs, errorType, errorMessage, stackTrace = [] } = result;
  for (const line of logs) ctx.output.line(line);
  if (errorType !== undefined) {
    ctx.output.line(`${errorType}: ${errorMessage}`);
    for (const line of stackTrace) ctx.output.line(`    ${line}`);
  } else {
    ctx.output.line(typeof body === 'string' ? body : JSON.stringify(body, null, 2));
  }
  const start = result.coldStart ? ', cold start' : '';
  ctx.output.line(
    `-----> ${result.statusCode} in ${result.duration} ms, ${result.memoryUsed} MB${start}, request ${result.requestId}`,
  );
}
