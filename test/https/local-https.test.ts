/** `fn server --local-https` as somebody meets it on a machine of their own, and certificates that people bring. */
import { X509Certificate } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { issue, type Issued } from '../support/issued.ts';
import { useLocalHttps } from '../support/local-https.ts';
import { FN, type TestRepository } from '../support/repository.ts';

const local = useLocalHttps();
const answering = (text: string): string => `export default () => new Response('${text}\\n');\n`;

let hello: TestRepository;

beforeAll(async () => {
  hello = await local().createRepository('hello');
  await hello.commit({ 'index.js': answering('one') });
  const { code, output } = await hello.push('main');
  expect(code, output).toBe(0);
  expect(output).toContain(`https://hello.localhost:${local().httpsPort}`);
});

/** The serial number of what is served for a host. */
async function serialOf(servername: string): Promise<string> {
  const { httpsPort, caFile } = local();
  const ca = await readFile(caFile);
  const socket = tls.connect({ host: '127.0.0.1', port: httpsPort, servername, ca });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

async function sealedKeys(): Promise<string[]> {
  const names = await readdir(join(local().platform.dataDir, 'certificates'));
  return names.filter((name) => name.endsWith('.sealed'));
}

describe('a server with an authority of its own', () => {
  it('is believed by who has its certificate: fn and git have it from fn init', async () => {
    expect(await local().curl('hello.localhost')).toBe('one\n');
    expect(await local().curl('localhost')).toContain('fn init stores one');
    expect(await local().curl('127.0.0.1')).toContain('fn init stores one');
    const { code, output } = await hello.fn('whoami');
    expect(code, output).toBe(0);
    const caInfo = await hello.git(
      'config',
      `http.https://localhost:${local().httpsPort}.sslCAInfo`,
    );
    expect(caInfo.output).toContain(`authorities/localhost_${local().httpsPort}.crt`);
  });

  it('is believed by fn deploy where GIT_SSL_CAINFO names others, of which fn init warns', async () => {
    const fn = (...args: string[]) => {
      const others = 'GIT_SSL_CAINFO=/etc/ssl/certs/ca-certificates.crt';
      return hello.git('-c', `alias.fn=!env ${others} '${FN}'`, 'fn', ...args);
    };
    const { httpsPort, caFile } = local();
    const server = `https://localhost:${httpsPort}`;
    const init = await fn('init', 'hello', '--server', server, '--ca-file', caFile);
    expect(init, init.output).toMatchObject({ code: 0 });
    expect(init.output).toContain('before you push: unset GIT_SSL_CAINFO');
    const deployed = await fn('deploy');
    expect(deployed, deployed.output).toMatchObject({ code: 0 });
  });

  it('is not believed by anybody else, and fn says what to do', async () => {
    const { httpsPort } = local();
    expect(await local().curl('hello.localhost', '/etc/ssl/certs/ca-certificates.crt')).toContain(
      'unable to get local issuer certificate',
    );
    await writeFile(join(hello.folder, 'token'), local().platform.adminToken);
    const init = [
      'init',
      'x',
      '--server',
      `https://127.0.0.1:${httpsPort}`,
      '--token-file',
      'token',
    ];
    const { code, output } = await hello.fn(...init);
    expect(code).toBe(6);
    expect(output).toContain('of an authority that is not trusted here');
    expect(output).toContain(`fn login https://127.0.0.1:${httpsPort} --ca-file FILE`);
  });

  it('has a certificate for a preview when its URL is printed, and none for hosts that are not', async () => {
    await hello.git('checkout', '-q', '-b', 'try-it');
    const sha = await hello.commit({ 'index.js': answering('two') });
    const { code, output } = await hello.push('try-it');
    expect(code, output).toBe(0);
    expect(await local().curl('try-it--hello.localhost')).toBe('two\n');
    expect(await local().curl(`${sha.slice(0, 12)}--hello.localhost`)).toBe('two\n');
    expect(await local().curl('nobody.localhost')).toMatch(/^curl: \(35\)/);
    await hello.push('--delete', 'try-it');
    await eventually(async () => {
      expect(await local().curl('try-it--hello.localhost')).toMatch(/^curl: \(35\)/);
    });
    await hello.git('checkout', '-q', 'main');
  });

  it('keeps the authority and its certificates over a restart', async () => {
    const authority = await readFile(local().caFile, 'utf8');
    const serial = await serialOf('hello.localhost');
    await local().platform.restart();
    expect(await readFile(local().caFile, 'utf8')).toBe(authority);
    expect(await serialOf('hello.localhost')).toBe(serial);
    expect(await local().curl('hello.localhost')).toBe('one\n');
  });

  it('issues what is missing after it was killed while it issued', async () => {
    const before = await sealedKeys();
    const names = Array.from({ length: 12 }, (_, index) => `killed-${index}`);
    for (const name of names) await hello.git('branch', name);
    const pushing = hello.push(...names);
    await eventually(async () =>
      expect((await sealedKeys()).length).toBeGreaterThan(before.length),
    );
    await local().platform.kill9();
    await pushing;
    await local().platform.restart();
    const again = await hello.push(...names);
    expect(again.code, again.output).toBe(0);
    for (const name of names) {
      await eventually(async () => {
        expect(await local().curl(`${name}--hello.localhost`)).toBe('one\n');
      });
    }
  });

  it('shows how to trust it, and changes nothing', async () => {
    const named = await hello.fn('certificates', 'trust', local().caFile);
    expect(named.output).toContain(
      `certutil -A -d "sql:$HOME/.pki/nssdb" -t C,, -n gitfn-local -i ${local().caFile}`,
    );
    const asked = await hello.fn('certificates', 'trust', '--json');
    const { file } = JSON.parse(asked.output) as { file: string };
    expect(await readFile(file, 'utf8')).toBe(await readFile(local().caFile, 'utf8'));
    expect(new X509Certificate(await readFile(file)).subject).toMatch(/^CN=gitfn local CA/);
  });
});

describe('who follows the commands for Debian', () => {
  it('has curl believe the server without being told of any file', async () => {
    const { output } = await hello.fn('certificates', 'trust', '--json');
    const { ways } = JSON.parse(output) as { ways: { who: string; commands: string[] }[] };
    const commands = ways.find(({ who }) => who.includes('Debian'))?.commands ?? [];
    expect(commands).toHaveLength(2);
    const url = `https://hello.localhost:${local().httpsPort}/`;
    // The system's store is a copy that ends with the mount namespace; root needs no sudo.
    const script = [
      'set -e',
      'cp -a /etc/ssl/certs "$1/certs" && mkdir "$1/local"',
      'mount --bind "$1/certs" /etc/ssl/certs',
      'mount --bind "$1/local" /usr/local/share/ca-certificates',
      'if curl --silent "$2"; then echo believed already; exit 1; fi',
      ...commands.map((command) => `${command.replace(/^sudo /, '')} >&2`),
      'exec curl --silent --show-error --max-time 20 "$2"',
    ].join('\n');
    const folder = await mkdtemp(join(tmpdir(), 'gitfn-trust-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const parameters = ['--mount', 'sh', '-c', script, 'sh', folder, url];
    const { stdout } = await promisify(execFile)('unshare', parameters);
    expect(stdout).toBe('one\n');
    expect(await readdir('/usr/local/share/ca-certificates')).not.toContain('gitfn-local.crt');
  });
});

describe('a new master key', () => {
  it('leaves the authority as it is: it goes on to issue, also after a restart', async () => {
    const authority = await readFile(local().caFile, 'utf8');
    const keyFile = join(local().platform.dataDir, 'master-key');
    const before = await readFile(keyFile, 'utf8');
    expect(await hello.fn('master-key', 'rotate')).toMatchObject({ code: 0 });
    expect(await readFile(keyFile, 'utf8')).not.toContain(before.trim());
    const reach = async (branch: string): Promise<void> => {
      await hello.git('branch', branch);
      const { code, output } = await hello.push(branch);
      expect(code, output).toBe(0);
      expect(await local().curl(`${branch}--hello.localhost`)).toBe('one\n');
    };
    await reach('rotated');
    await local().platform.restart();
    expect(await local().curl('hello.localhost')).toBe('one\n');
    await reach('restarted');
    expect(await readFile(local().caFile, 'utf8')).toBe(authority);
  });
});

describe('a certificate that somebody brings', () => {
  let root: Issued;
  let own: Issued;

  beforeAll(async () => {
    root = await issue({ subject: 'Root', isCa: true });
    own = await issue({
      subject: 'own',
      issuer: root,
      names: ['hello.localhost', 'other.example.com'],
    });
    await writeFile(join(hello.folder, 'root.pem'), root.certificate);
    await writeFile(join(hello.folder, 'chain.pem'), own.certificate + root.certificate);
    await writeFile(join(hello.folder, 'key.pem'), own.key);
    await writeFile(join(hello.folder, 'foreign.pem'), (await issue({ subject: 'x' })).key);
  });

  const add = (...words: string[]) => hello.fn('certificates', 'add', ...words);

  it('is refused in words when its key is another, and nothing changes', async () => {
    const serial = await serialOf('hello.localhost');
    const { code, output } = await add('chain.pem', '--key', 'foreign.pem');
    expect(code).toBe(2);
    expect(output).toContain('the key is not the one of "own"');
    expect(await serialOf('hello.localhost')).toBe(serial);
  });

  it('is refused for domains that an app has not verified', async () => {
    const { code, output } = await add('chain.pem', '--key', 'key.pem', '--app', 'hello');
    expect(code).toBe(2);
    expect(output).toContain('hello has verified none of these domains');
  });

  it('is served in place of another, is shown without its key, and goes when it is removed', async () => {
    const rootFile = join(hello.folder, 'root.pem');
    const added = await add('chain.pem', '--key', 'key.pem', '--json');
    expect(added.code, added.output).toBe(0);
    const view = JSON.parse(added.output) as { id: string; names: string[]; warnings: string[] };
    expect(view.names).toEqual(['hello.localhost']);
    expect(view.warnings).toContain(
      'It is not served for other.example.com, which it has as well.',
    );
    expect(await local().curl('hello.localhost', rootFile)).toBe('one\n');

    const listed = await hello.fn('certificates', 'list', '--json');
    expect(listed.output).toContain(view.id);
    expect(listed.output).not.toMatch(/PRIVATE|"key"/);
    const completed = await hello.fn('complete', '--', 'certificates', 'remove', '');
    expect(completed.output).toBe(`${view.id}\n`);
    const files = await readdir(local().platform.dataDir, { recursive: true, withFileTypes: true });
    const secret = own.key.split('\n')[1] ?? '';
    for (const file of files.filter((one) => one.isFile())) {
      const content = await readFile(join(file.parentPath, file.name)).catch(() => Buffer.alloc(0));
      expect(content.includes(secret), file.name).toBe(false);
    }

    const removed = await hello.fn('certificates', 'remove', view.id, '--yes');
    expect(removed.code, removed.output).toBe(0);
    expect(await local().curl('hello.localhost')).toBe('one\n');
  });

  it('cannot be removed when nobody has brought it', async () => {
    const listed = await hello.fn('certificates', 'list', '--json');
    const { items } = JSON.parse(listed.output) as { items: { id: string; source: string }[] };
    const issued = items.find(({ source }) => source === 'local')?.id ?? '';
    const { code, output } = await hello.fn('certificates', 'remove', issued, '--yes');
    expect(code).toBe(2);
    expect(output).toContain('was not uploaded');
  });
});
