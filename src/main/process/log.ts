import { pino, type Logger } from 'pino';

export type { Logger };

/** The platform's own log, one JSON line an event on standard error: standard output has the banner. */
export function createLog(processName: string, isVerbose: boolean): Logger {
  return pino(
    { name: processName, level: isVerbose ? 'debug' : 'info', base: { process: processName } },
    pino.destination({ fd: 2, sync: true }),
  );
}
