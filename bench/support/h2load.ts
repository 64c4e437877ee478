import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { provideDebianPackages } from './debian-packages.ts';
import type { LoadResult, LoadTarget } from './wrk.ts';

const H2LOAD = '/usr/bin/h2load';

const MAX_CONNECTIONS = 64;
/** Whoever answers nothing more must not keep a bench for ever. */
const LATE_MS = 30_000;

/**
 * One run of h2load with one thread over HTTP/1.1, as often as `perSecond` says (a connection that is kept waits for its
 * turn), or else as often as there are answers. Written in C, it takes less of the machine than an open loop in Node.
 */
export async function runPlainH2load(
  { port, host }: LoadTarget,
  { perSecond, seconds }: { perSecond?: number; seconds: number },
): Promise<Pick<LoadResult, 'requestsPerSecond' | 'failures'>> {
  const stdout = await h2load(seconds, [
    '--h1',
    `-c${MAX_CONNECTIONS}`,
    ...(perSecond === undefined ? [] : [`--rps=${perSecond / MAX_CONNECTIONS}`]),
    `--connect-to=127.0.0.1:${port}`,
    `http://${host}:${port}/`,
  ]);
  return readResult(stdout);
}

/** One run of h2load with one thread: HTTP/2 over TLS, so many connections with so many streams each. */
export async function runH2load(
  { port, host }: LoadTarget,
  load: { connections: number; streams: number; seconds: number },
): Promise<LoadResult> {
  const stdout = await h2load(load.seconds, [
    `-c${load.connections}`,
    `-m${load.streams}`,
    `--connect-to=127.0.0.1:${port}`,
    `https://${host}:${port}/`,
  ]);
  // It says the mean and the largest latency only.
  return { ...readResult(stdout), p99Ms: NaN };
}

/** @throws Error also when it has not ended half a minute after its time */
async function h2load(seconds: number, parameters: string[]): Promise<string> {
  provideDebianPackages(H2LOAD, ['nghttp2-client']);
  const timeout = seconds * 1000 + LATE_MS;
  const { stdout } = await promisify(execFile)(H2LOAD, [`-D${seconds}`, ...parameters], {
    timeout,
  });
  return stdout;
}

function readResult(stdout: string): Pick<LoadResult, 'requestsPerSecond' | 'failures'> {
  const count = (what: string): number => Number(new RegExp(`(\\d+) ${what}`).exec(stdout)?.[1]);
  return {
    requestsPerSecond: Number(/finished in [^,]+, ([\d.]+) req\/s/.exec(stdout)?.[1] ?? 0),
    failures: count('failed') + count('4xx') + count('5xx'),
  };
}
