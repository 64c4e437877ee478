/** `fn doctor --deep`: asks the server that runs on this data folder whether all that it keeps agrees. */
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { once } from 'node:events';
import { ERROR_TABLE, PlatformError } from '../protocol/errors.ts';
import { parseConfig } from './config/config.ts';
import { readServerEnvironment } from './config/env.ts';

interface Report {
  findings: { subject: string; app: string | null; message: string; remedy: string }[];
  checked: Record<string, number>;
}

/** It reads every bundle. */
const DEADLINE_MS = 10 * 60_000;

/**
 * Prints one line for each finding, or with `isJson` the answer of `checkConsistency`; resolves with the exit code: 0, or 6
 * when there is any.
 * @throws PlatformError when no server runs on the folder, or it does not answer
 */
export async function runDeepDoctor({ isJson }: { isJson: boolean }): Promise<number> {
  const { dataDir } = parseConfig(readServerEnvironment(), { workingDir: process.cwd(), cores: 1 });
  const report = await ask(dataDir);
  process.stdout.write(`${isJson ? JSON.stringify(report, null, 2) : present(report)}\n`);
  return report.findings.length === 0 ? 0 : ERROR_TABLE.unavailable.exit;
}

function present({ findings, checked }: Report): string {
  const counts = Object.entries(checked).map(([what, count]) => `${count} ${what}`);
  const lines = findings.map(({ subject, app, message, remedy }) => {
    const of = app === null ? '' : `${app}: `;
    return `fail  ${subject.padEnd(10)} ${of}${message}\n      ${' '.repeat(10)} → ${remedy}`;
  });
  const last = findings.length === 0 ? 'all agree' : `${findings.length} do not agree`;
  return [...lines, `${counts.join(', ')}: ${last}`].join('\n');
}

async function ask(dataDir: string): Promise<Report> {
  const { url, port } = readServer(dataDir);
  const token = readFileSync(join(dataDir, 'admin-token'), 'utf8').trim();
  const request = http.request({
    // The name may lead elsewhere; the server that is meant is the one on this machine.
    host: '127.0.0.1',
    port,
    path: '/consistency',
    headers: { host: new URL(url).host, authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(DEADLINE_MS),
    agent: false,
  });
  request.end();
  try {
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const body = (await buffer(response)).toString();
    if (response.statusCode === 200) return JSON.parse(body) as Report;
    throw refused(body, response.statusCode);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw new PlatformError('unavailable', `the server on ${dataDir} does not answer`, {
      hint: 'look at its log, and whether it still runs: fn doctor',
      cause: error,
    });
  }
}

function readServer(dataDir: string): { url: string; port: number } {
  const file = join(dataDir, 'server.json');
  if (!existsSync(file)) {
    throw new PlatformError('unavailable', `no server runs on ${dataDir}`, {
      hint: 'start it, or name its folder: FN_DATA_DIR=/path fn doctor --deep',
    });
  }
  return JSON.parse(readFileSync(file, 'utf8')) as { url: string; port: number };
}

/** As the API words it. */
function refused(body: string, status: number | undefined): PlatformError {
  const { detail, title, hint } = parseProblem(body);
  const message = detail ?? title ?? `the server answered ${status}`;
  return new PlatformError('unavailable', message, hint === undefined ? {} : { hint });
}

function parseProblem(body: string): { detail?: string; title?: string; hint?: string } {
  try {
    return JSON.parse(body) as { detail?: string; title?: string; hint?: string };
  } catch {
    return {};
  }
}
