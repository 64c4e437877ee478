import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { dumpDatabase, dumpFolder } from '../support/dump.ts';
import { eventually } from '../support/eventually.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform({ env: { VERBOSE: 'true' } });
const SECRET = 'sk-live-51Hx+very/secret=';
const PLAIN = 'plainly-readable-value';

const forms = [SECRET, Buffer.from(SECRET).toString('base64'), encodeURIComponent(SECRET)];

function expectNoSecret(text: string): void {
  for (const form of forms) expect(text).not.toContain(form);
}

describe('a secret', () => {
  it('is used by the function and can be read nowhere', async () => {
    const repository = await createRepository(platform(), 'careful');
    const set = await repository.fn(
      'env',
      'set',
      `API_KEY=${SECRET}`,
      `MOTTO=${PLAIN}`,
      '--scope',
      'production',
    );
    expect(set).toMatchObject({ code: 2 }); // The app comes to be with its first push.
    await repository.commit({
      'index.ts': `const key = process.env.API_KEY ?? 'none';
console.log('the key is ' + key, JSON.stringify({ key }), btoa('user:' + key));
export default (request) => {
  if (request.url.endsWith('/throw')) throw new Error('rejected: ' + key);
  return new Response(String(key.length));
};
`,
    });
    await repository.push('main');
    const changed = await repository.fn('env', 'set', `API_KEY=${SECRET}`, `MOTTO=${PLAIN}`);
    expect(changed).toMatchObject({ code: 0, output: expect.stringContaining('API_KEY (secret') });
    expect((await ask(platform(), 'careful')).body).toBe(String(SECRET.length));
    expect((await ask(platform(), 'careful', { path: '/throw' })).status).toBe(502);
    const listed = await repository.fn('env', 'list', '--json');
    expect(listed.output).toContain(PLAIN);
    const texts = await Promise.all([
      callControl(platform(), '/apps/careful/environment?version=1').then(({ body }) => body),
      callControl(platform(), '/apps/careful/environment/versions').then(({ body }) => body),
      callControl(platform(), '/apps/careful/deployments').then(({ body }) => body),
      repository.fn('env', 'pull', '--json').then(({ output }) => output),
      readFile(join(repository.folder, '.env'), 'utf8').catch(() => ''),
    ]);
    for (const text of [changed.output, listed.output, ...texts]) expectNoSecret(text);
    let logged = '';
    await eventually(async () => {
      logged = (await repository.fn('logs', '--json')).output;
      return logged.includes('the key is') && logged.includes('rejected');
    });
    expect(logged).toContain('[redacted API_KEY]');
    expectNoSecret(logged);
    expectNoSecret(platform().output());
    const dump = await dumpDatabase(platform());
    expectNoSecret(dump);
    expect(dump).not.toContain(PLAIN);
    expect(dump).toContain('API_KEY');
    expectNoSecret(await dumpFolder(join(platform().dataDir, 'sealed')));
    expectNoSecret(await dumpFolder(join(platform().dataDir, 'postgres')));
  });

  it('is not in what a failing push shows', async () => {
    const repository = await createRepository(platform(), 'loud');
    await repository.commit({ 'index.ts': "export default () => new Response('fine');\n" });
    await repository.push('main');
    await repository.fn('env', 'set', `API_TOKEN=${SECRET}`);
    await repository.commit({
      'index.ts': "throw new Error('cannot use ' + process.env.API_TOKEN);\n",
    });
    const push = await repository.push('main');
    expect(push).toMatchObject({
      code: 1,
      output: expect.stringContaining('[redacted API_TOKEN]'),
    });
    expectNoSecret(push.output);
    expectNoSecret((await repository.fn('releases', '--json')).output);
    expectNoSecret(await dumpDatabase(platform()));
  });

  it('is in no process list and in no environment of the platform', async () => {
    const { stdout } = await promisify(execFile)('ps', ['axeww', '-o', 'args'], {
      maxBuffer: 64 * 1024 * 1024,
    });
    expectNoSecret(stdout);
    const key = (await readFile(join(platform().dataDir, 'master-key'), 'utf8')).trim();
    expect(stdout).not.toContain(key);
    expect(platform().output()).not.toContain(key);
  });
});
