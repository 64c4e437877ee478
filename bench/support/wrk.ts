import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface LoadResult {
  requestsPerSecond: number;
  p99Ms: number;
  /** Answers other than 2xx and 3xx, and connections that broke. */
  failures: number;
}

export interface LoadTarget {
  port: number;
  host: string;
  /** Over TLS, with `localhost` as server name: wrk takes that of its URL. */
  isSecure?: boolean;
}

/** One run of wrk with one thread. `isClosing`: a connection for each request. */
export async function runWrk(
  { port, host, isSecure }: LoadTarget,
  load: { connections: number; seconds: number; isClosing?: boolean },
): Promise<LoadResult> {
  const { stdout } = await promisify(execFile)('wrk', [
    '-t1',
    `-c${load.connections}`,
    `-d${load.seconds}s`,
    '--latency',
    '-H',
    `Host: ${host}`,
    ...(load.isClosing === true ? ['-H', 'Connection: close'] : []),
    isSecure === true ? `https://localhost:${port}/` : `http://127.0.0.1:${port}/`,
  ]);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? 0),
    p99Ms: milliseconds(/99%\s+(\S+)/.exec(stdout)?.[1] ?? ''),
    failures: failuresIn(stdout),
  };
}

function milliseconds(text: string): number {
  const value = Number.parseFloat(text);
  if (text.endsWith('us')) return value / 1000;
  return text.endsWith('ms') ? value : value * 1000;
}

function failuresIn(output: string): number {
  const statuses = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(
    output,
  );
  return statuses + (errors?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0);
}
