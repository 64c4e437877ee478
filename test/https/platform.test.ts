/** HTTPS of a whole platform with two data processes, and with nothing but them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificates.ts';
import { dataProcessesOf, through } from '../support/data-processes.ts';
import { eventually } from '../support/eventually.ts';
import { askRaw, shakeHands } from '../support/https-door.ts';
import { platformProcesses } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { storeCertificates } from '../support/served-certificates.ts';
import { usePlatform } from '../support/use-platform.ts';

const HOST = 'hello.localhost';
const CERTIFICATE = makeCertificate('first', [HOST]);
const CODE = `export default (request) => new Response(request.url);\n`;

const platform = usePlatform({ env: { FN_DATA_PROCESSES: '2', HTTPS_PORT: '0' } });
const folder = mkdtempSync(join(tmpdir(), 'gitfn-sessions-'));
let httpsPort = 0;

beforeAll(async () => {
  const facts = await readFile(join(platform().dataDir, 'server.json'), 'utf8');
  ({ httpsPort } = JSON.parse(facts) as { httpsPort: number });
  const repository = await createRepository(platform(), 'hello');
  await repository.commit({ 'index.js': CODE });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
  expect(output).toContain(`https://${HOST}:${httpsPort}`);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const request = `GET /path HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`;

async function askOverTls(): Promise<string> {
  return askRaw(await shakeHands(httpsPort, { name: HOST }), request);
}

/** What OpenSSL's client says of a connection and its one request. */
function askWithOpenssl(version: string, session: string[]): string {
  const connect = ['-connect', `127.0.0.1:${httpsPort}`, '-servername', HOST];
  const options = ['s_client', ...connect, version, '-ign_eof', ...session];
  return execFileSync('openssl', options, {
    input: request,
    stdio: ['pipe', 'pipe', 'ignore'],
  }).toString();
}

/** Of all processes that are not data's; each goes on when the function is called. */
function stopAllOthers(): () => void {
  const data = dataProcessesOf(platform());
  const isNeeded = (commandLine: string) => /launcher|egress/.test(commandLine);
  const stopped = platformProcesses(platform().pid).filter(
    ({ pid, commandLine }) => !data.includes(pid) && !isNeeded(commandLine),
  );
  expect(stopped.some(({ commandLine }) => commandLine.includes('control.mjs'))).toBe(true);
  expect(stopped.some(({ commandLine }) => commandLine.includes('postgres'))).toBe(true);
  for (const { pid } of stopped) process.kill(pid, 'SIGSTOP');
  return () => {
    for (const { pid } of stopped) process.kill(pid, 'SIGCONT');
  };
}

describe('a platform with HTTPS', () => {
  it('serves it by what is stored alone: with control and the database away, and by data processes that start anew', async () => {
    const goOn = stopAllOthers();
    try {
      await storeCertificates(platform().dataDir, [CERTIFICATE], { generation: 1_000_000 });
      const former = dataProcessesOf(platform());
      for (const pid of former) process.kill(pid, 'SIGKILL');
      await eventually(() => {
        const current = dataProcessesOf(platform());
        return current.length === 2 && current.every((pid) => !former.includes(pid));
      });
      for (const pid of dataProcessesOf(platform())) {
        await eventually(() =>
          through(platform(), pid, async () => {
            expect(await askOverTls()).toContain(`https://${HOST}/path`);
          }),
        );
      }
    } finally {
      goOn();
    }
  });

  it.each(['-tls1_3', '-tls1_2'])(
    'goes on with a session of one data process in the other: %s',
    async (version) => {
      const file = join(folder, `session${version}`);
      const [first = 0, second = 0] = dataProcessesOf(platform());
      const ask = (pid: number, session: string[]) =>
        through(platform(), pid, async () => askWithOpenssl(version, session));
      const begun = await ask(first, ['-sess_out', file]);
      expect(begun).toMatch(/^New, TLS/m);
      const resumed = await ask(second, ['-sess_in', file]);
      expect(resumed).toMatch(/^Reused, TLS/m);
      expect(resumed).toContain(`https://${HOST}/path`);
    },
  );

  it('says where it is', () => {
    expect(platform().output()).toContain(`gitfn is ready: https://localhost:${httpsPort}`);
    expect(platform().output()).toContain(`${httpsPort} for https, ${platform().port} for http`);
    expect(platform().output()).toContain(`--server http://localhost:${platform().port}`);
  });
});
