import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { createRepository } from '../support/repository.ts';

/** What strangers' code may do while it is installed. */
let registry: TestRegistry;
let platform: Platform;
beforeAll(async () => {
  registry = await startRegistry();
  platform = await startPlatform({
    env: { FN_NPM_REGISTRY: registry.url, FN_BUILD_MEMORY: '512' },
  });
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  registry.close();
});

interface Scripted {
  /** Its install script. */
  script: string;
  /** Its own code. */
  code?: string;
  /** Further files of it. */
  own?: Record<string, string>;
  /** Beside package.json and its lockfile. */
  files?: Record<string, string>;
}

/** Pushes an app that has the package of this name; its handler answers with what the package exports. */
async function push(name: string, scripted: Scripted) {
  const { script, code = 'module.exports = 1;', own = {}, files = {} } = scripted;
  const fields = { scripts: { postinstall: 'node install.js' } };
  const published = { 'index.js': code, 'install.js': script, ...own };
  await registry.publish({ name, version: '1.0.0', files: published, fields });
  const repository = await createRepository(platform, name);
  await repository.commit({
    ...registry.project({ [name]: '1.0.0' }),
    'index.ts': `import found from '${name}';\nexport const handler = async () => ({ statusCode: 200, body: { found } });\n`,
    ...files,
  });
  return repository.push('main');
}

describe('an install script', () => {
  it('finds nothing of the machine, and none of the platform’s variables', async () => {
    const { code, output } = await push('looker', {
      script: `const fs = require('node:fs');
        const paths = ['/root', '/home', '/etc/shadow', '/var', '/run', '${platform.dataDir}', '/usr/local/lib'];
        const seen = paths.filter((path) => fs.existsSync(path));
        const odd = Object.keys(process.env).filter((name) => /SECRET|TOKEN|DATABASE|ESBUILD|FN_/.test(name));
        if (seen.length + odd.length > 0) { console.error('SEES ' + seen + odd); process.exit(1); }`,
    });
    expect(output).not.toContain('SEES');
    expect(code, output).toBe(0);
  });

  it('reaches no host but the registry', async () => {
    const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
    const lan = own.find(({ internal, family }) => !internal && family === 'IPv4')?.address;
    const { port } = platform;
    const targets = [
      `127.0.0.1:${port}`,
      `localhost:${port}`,
      `[::1]:${port}`,
      `[::ffff:127.0.0.1]:${port}`,
      `0.0.0.0:${port}`,
      `2130706433:${port}`,
      '169.254.169.254:80',
      'evil.example:443',
      ...(lan === undefined ? [] : [`${lan}:${port}`]),
    ];
    const { code, output } = await push('caller', {
      script: `const http = require('node:http'); const net = require('node:net');
        const proxy = new URL(process.env.HTTPS_PROXY);
        const ask = (options) => new Promise((done) => {
          http.request({ host: proxy.hostname, port: proxy.port, ...options })
            .on('connect', (answer, socket) => { socket.destroy(); done(answer.statusCode); })
            .on('response', (answer) => { answer.resume(); done(answer.statusCode); })
            .on('error', () => done('error')).end();
        });
        const direct = (host) => new Promise((done) => {
          const socket = net.connect(${port}, host);
          const end = (how) => () => { socket.destroy(); done(how); };
          socket.on('connect', end('open')).on('error', end('closed')).setTimeout(2000, end('silent'));
        });
        (async () => {
          const reached = [];
          for (const target of ${JSON.stringify(targets)}) {
            if ((await ask({ method: 'CONNECT', path: target })) !== 403) reached.push('CONNECT ' + target);
            if ((await ask({ path: 'http://' + target + '/' })) !== 403) reached.push('GET ' + target);
          }
          for (const host of ['127.0.0.1', ${JSON.stringify(lan ?? '::1')}]) {
            if ((await direct(host)) === 'open') reached.push('direct ' + host);
          }
          const registry = await ask({ method: 'CONNECT', path: '${new URL(registry.url).host}' });
          if (reached.length > 0 || registry !== 200) {
            console.error('REACHED ' + reached + ' registry ' + registry);
            process.exit(1);
          }
        })();`,
    });
    expect(output).not.toContain('REACHED');
    expect(output).toContain('builds reach 127.0.0.1 only');
    expect(code, output).toBe(0);
  });

  it('that downloads from elsewhere is named as what it is', async () => {
    const { code, output } = await push('downloader', {
      script: `const proxy = new URL(process.env.HTTPS_PROXY);
        const options = { host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: 'binaries.example:443' };
        require('node:http').request(options).on('connect', ({ statusCode, statusMessage }) => {
          console.error('ERR! install response status ' + statusCode + ' ' + statusMessage);
          process.exit(1);
        }).end();`,
    });
    expect(code, output).toBe(1);
    expect(output).toContain(
      ' !     An install script was refused a download: the build asked for binaries.example:443',
    );
    expect(output).toContain('FN_BUILD_REGISTRIES');
    expect(output).not.toContain('NPM_TOKEN');
  });

  it('leaves nothing running', async () => {
    const { code, output } = await push('daemon', {
      script: `const child = require('node:child_process').spawn(process.execPath, ['-e',
          "setInterval(() => require('node:fs').writeFileSync('/tmp/alive', ''), 5)"],
          { detached: true, stdio: 'ignore' });
        child.unref();
        const { existsSync } = require('node:fs');
        const wait = setInterval(() => { if (existsSync('/tmp/alive')) clearInterval(wait); }, 5);`,
      files: {
        'fn.json': JSON.stringify({
          build: {
            command: 'test -e /tmp/alive && rm /tmp/alive && sleep 1 && test ! -e /tmp/alive',
          },
        }),
      },
    });
    expect(code, output).toBe(0);
  });

  it('ships no file from outside by a link', async () => {
    const { code, output } = await push('linker', {
      script: `require('node:fs').symlinkSync('/etc/passwd', __dirname + '/escape.txt');
        require('node:fs').writeFileSync(__dirname + '/plain.txt', 'plain');`,
      code: `const { readFileSync } = require('node:fs'); const { join } = require('node:path');
        const read = (path) => { try { return readFileSync(path, 'utf8'); } catch (error) { return error.code; } };
        module.exports = [read(join(__dirname, 'escape.txt')), read(join(__dirname, 'plain.txt'))];`,
      files: { 'fn.json': JSON.stringify({ build: { external: ['linker'] } }) },
    });
    expect(code, output).toBe(0);
    const { found } = JSON.parse((await ask(platform, 'linker')).body) as { found: string[] };
    expect(found).toEqual(['ENOENT', 'plain']);
  });

  it('that fills the disk is told the limit', async () => {
    const { code, output } = await push('filler', {
      script: `const fs = require('node:fs'); const part = Buffer.alloc(16 << 20);
        for (let i = 0; ; i++) fs.writeFileSync('/tmp/part' + i, part);`,
    });
    expect(code, output).toBe(1);
    expect(output).toContain('needs more disk space than a build has (384 MB)');
    expect(output).toContain('FN_BUILD_MEMORY');
  });
});

describe('a package with native code', () => {
  it('is compiled where the machine has a compiler, and says what is missing where not', async () => {
    const tools = ['/usr/bin/python3', '/usr/bin/make', '/usr/bin/g++'];
    const source = `#include <node_api.h>
      static napi_value init(napi_env env, napi_value exports) {
        napi_value answer;
        napi_create_int32(env, 42, &answer);
        return answer;
      }
      NAPI_MODULE(addon, init)`;
    const gyp = { targets: [{ target_name: 'addon', sources: ['addon.c'] }] };
    const { code, output } = await push('compiled', {
      script: `require('node:child_process').execSync('node-gyp rebuild', { stdio: 'inherit' });`,
      code: `module.exports = require('./build/Release/addon.node');`,
      own: { 'addon.c': source, 'binding.gyp': JSON.stringify(gyp) },
    });
    if (!tools.every((path) => existsSync(path))) {
      expect(output).toContain('compiling takes python3, make and g++ on the server');
      return;
    }
    expect(code, output).toBe(0);
    expect(JSON.parse((await ask(platform, 'compiled')).body)).toEqual({ found: 42 });
  });
});

describe('a private registry', () => {
  it('gives its packages to builds that have its token, which no line shows', async () => {
    const token = 'a-very-secret-token';
    await registry.publish({ name: 'adder', version: '1.0.0' });
    registry.token = token;
    const repository = await createRepository(platform, 'private');
    const { host } = new URL(registry.url);
    const files = {
      ...registry.project({ adder: '1.0.0' }),
      '.npmrc': `//${host}/:_authToken=\${NPM_TOKEN}\n`,
      'fn.json': JSON.stringify({ build: { command: 'echo the token is $NPM_TOKEN' } }),
      'index.ts': 'export const handler = async () => null;\n',
    };
    await repository.commit(files);
    const refused = await repository.push('main');
    expect(refused.code, refused.output).toBe(1);
    expect(refused.output).toContain('to nobody without a token');
    expect(refused.output).toContain('fn env set NPM_TOKEN=');
    const set = await repository.fn('env', 'set', `NPM_TOKEN=${token}`, '--build');
    expect(set.code, set.output).toBe(0);
    const { code, output } = await repository.push('main');
    expect(code, output).toBe(0);
    expect(output).toContain('the token is [redacted NPM_TOKEN]');
    expect(output).not.toContain(token);
    expect(platform.output()).not.toContain(token);
  });
});
