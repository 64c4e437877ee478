/**
 * The control process: API, builds, deploys. It talks to the database and holds the master key; it parses nothing
 * that comes from strangers but JSON behind a token. Functions keep serving while it is away.
 */
import { startChild } from './child-process.ts';
import { createLog } from './log.ts';
import type { ControlOptions } from './start-options.ts';
import { wireControl } from './wiring.ts';

startChild<ControlOptions>(async (options, supervisor) => {
  const log = createLog('control', options.isVerbose);
  const control = await wireControl(options, { supervisor, log });
  return { close: () => control.disposeAsync() };
});
