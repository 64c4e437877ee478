import { PlatformError } from '../../protocol/errors.ts';

const DEFAULT_PORT = 8787;
const MAX_PORT = 65_535;
const USAGE_HINT = 'fn dev [--port NUMBER] [--json]';

export interface DevArguments {
  port: number;
  /** Somebody asked for that port: no other one will do. */
  isPortFixed: boolean;
  /** Each event as a line of JSON, for programs. */
  isJson: boolean;
}

/** `port` is the PORT variable; a flag wins over it. */
export function parseDevArguments(
  args: readonly string[],
  port: string | undefined,
): DevArguments | 'help' {
  const parsed: DevArguments = {
    port: port === undefined ? DEFAULT_PORT : readPort('PORT', port),
    isPortFixed: false,
    isJson: false,
  };
  const rest = args.flatMap((argument) => argument.split(/(?<=^--port)=/));
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--help' || argument === '-h') return 'help';
    if (argument === '--json') {
      parsed.isJson = true;
    } else if (argument === '--port' || argument === '-p') {
      parsed.port = readPort('--port', rest.shift() ?? '');
      parsed.isPortFixed = parsed.port !== 0;
    } else {
      throw usageError(`fn dev does not know ${argument}`);
    }
  }
  return parsed;
}

/** 0 takes any free one. */
function readPort(name: string, value: string): number {
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= MAX_PORT) return port;
  throw usageError(`${name} must be a port from 0 to ${MAX_PORT}, not "${value}"`);
}

function usageError(message: string): PlatformError {
  return new PlatformError('bad-request', message, { hint: USAGE_HINT });
}

export const DEV_HELP = `Usage: ${USAGE_HINT}

Serves the repository in this folder, and builds it anew whenever a file changes.

  --port NUMBER  the port on 127.0.0.1; without it PORT, ${DEFAULT_PORT}, or the next free one
  --json         prints each event as a line of JSON
`;
