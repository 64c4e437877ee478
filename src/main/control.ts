/**
 * The control process: API, builds, deploys. It talks to the database and holds the master key; it parses nothing
 * that comes from strangers but JSON behind a token. Functions keep serving while it is away.
 */
import { startChild } from './process/child-process.ts';
import { createLog } from './process/log.ts';
import type { ControlOptions } from './process/start-options.ts';
import { wireControl } from './control/wiring.ts';

startChild<ControlOptions>(async (options, supervisor) => {
  const log = createLog('control', options.isVerbose);
  const control = await wireControl(options, { supervisor, log });
  return { close: () => control.disposeAsync() };
});
