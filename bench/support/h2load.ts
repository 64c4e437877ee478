import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { provideDebianPackages } from './debian-packages.ts';
import type { LoadResult, LoadTarget } from './wrk.ts';

const H2LOAD = '/usr/bin/h2load';

/** One run of h2load with one thread: HTTP/2 over TLS, so many connections with so many streams each. */
export async function runH2load(
  { port, host }: LoadTarget,
  load: { connections: number; streams: number; seconds: number },
): Promise<LoadResult> {
  provideDebianPackages(H2LOAD, ['nghttp2-client']);
  const { stdout } = await promisify(execFile)(H2LOAD, [
    `-c${load.connections}`,
    `-m${load.streams}`,
    `-D${load.seconds}`,
    `--connect-to=127.0.0.1:${port}`,
    `https://${host}:${port}/`,
  ]);
  const count = (what: string): number => Number(new RegExp(`(\\d+) ${what}`).exec(stdout)?.[1]);
  return {
    requestsPerSecond: Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(stdout)?.[1] ?? 0),
    p99Ms: NaN, // It says the mean and the largest only.
    failures: count('failed') + count('4xx') + count('5xx'),
  };
}
