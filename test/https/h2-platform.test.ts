/** git and curl over HTTP/2, to a whole platform. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askOn, connectH2 } from '../support/ask-h2.ts';
import { makeCertificate } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { serveCertificates } from '../support/served-certificates.ts';
import { usePlatform } from '../support/use-platform.ts';

const run = promisify(execFile);
const CODE = `export default () => new Response('first');\n`;
const CERTIFICATE = makeCertificate('local', ['localhost', '*.localhost']);

const platform = usePlatform({ env: { HTTPS_PORT: '0', ACME_DIRECTORY_URL: 'none' } });
let repository: TestRepository;
let folder = '';
let port = 0;

async function httpsPort(): Promise<number> {
  const facts = await readFile(join(platform().dataDir, 'server.json'), 'utf8');
  return (JSON.parse(facts) as { httpsPort: number }).httpsPort;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-h2-'));
  repository = await createRepository(platform(), 'hello');
  await repository.commit({ 'index.js': CODE });
  expect((await repository.push('main')).code).toBe(0);
  await serveCertificates(platform(), [CERTIFICATE]);
  port = await httpsPort();
  await eventually(async () => {
    const session = connectH2(port);
    await askOn(session, `hello.localhost:${port}`).finally(() => session.close());
  });
});
afterAll(() => rm(folder, { recursive: true }));

/** Of git over HTTP/2, which says of each request by which version it went. */
function options(): string[] {
  const header = `http.extraHeader=Authorization: Basic ${Buffer.from(`x:${platform().adminToken}`).toString('base64')}`;
  return ['-c', 'http.version=HTTP/2', '-c', 'http.sslVerify=false', '-c', header];
}

describe('the control host over HTTP/2', () => {
  it('takes a push, and gives it back', async () => {
    const url = `https://localhost:${port}/hello.git`;
    const env = { PATH: process.env['PATH'], HOME: folder, GIT_CURL_VERBOSE: '1' };
    const clone = await run('git', [...options(), 'clone', url, 'copy'], { cwd: folder, env });
    expect(clone.stderr).toMatch(/HTTP\/2 200|using HTTP\/2/);
    expect(await readFile(join(folder, 'copy/index.js'), 'utf8')).toBe(CODE);
    await repository.commit({ 'index.js': CODE.replace('first', 'second') });
    const pushed = await repository.git(...options(), 'push', url, 'main');
    expect(pushed.output).toContain('hello.localhost');
    expect(pushed.code).toBe(0);
    const session = connectH2(port);
    const { body } = await askOn(session, `hello.localhost:${port}`);
    expect(body.toString()).toBe('second');
    session.close();
  });

  it('answers the API, and refuses who shows no token', async () => {
    const session = connectH2(port);
    const host = `localhost:${port}`;
    const authorization = `Bearer ${platform().adminToken}`;
    const { status, body } = await askOn(session, host, {
      path: '/apps',
      headers: { authorization },
    });
    expect(status).toBe(200);
    expect(body.toString()).toContain('hello');
    expect((await askOn(session, host, { path: '/apps' })).status).toBe(401);
    expect((await askOn(session, host, { path: '/readyz' })).status).toBe(200);
    session.close();
  });
});
