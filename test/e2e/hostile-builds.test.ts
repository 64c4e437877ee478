import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

/** What a build command may do to the machine that it runs on. */
const platform = usePlatform({ env: { FN_BUILD_MEMORY: '512' } });

/** Pushes a function that is built by this program first. */
async function pushBuild(app: string, program: string) {
  const repository = await createRepository(platform(), app);
  await repository.commit({
    'index.js': 'export default () => new Response();\n',
    'fn.json': JSON.stringify({ build: { command: 'node build.cjs' } }),
    'build.cjs': program,
  });
  return repository.push('main');
}

it('reaches neither the machine, nor its network, nor the internet', async () => {
  const { port } = new URL(platform().url);
  const hosts = ['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', '192.0.2.1'];
  const { output } = await pushBuild(
    'caller',
    `const net = require('node:net');
     const tries = ${JSON.stringify(hosts)}.map((host) => new Promise((resolve) => {
       const socket = net.connect({ host, port: ${port} }, () => resolve('open'));
       socket.on('error', ({ code }) => resolve(code));
     }));
     Promise.all(tries).then((all) => { console.log('TRIED ' + all.join()); process.exit(3); });`,
  );
  expect(output).toContain('TRIED ECONNREFUSED,ECONNREFUSED,ECONNREFUSED,ENETUNREACH,ENETUNREACH');
});

it('leaves nothing running, and changes no file afterwards', async () => {
  const { code, output } = await pushBuild(
    'daemon',
    `const { spawn } = require('node:child_process');
     const program = 'while :; do echo left-by-a-build >> index.js; done';
     spawn('setsid', ['nohup', 'sh', '-c', program], { detached: true, stdio: 'inherit' }).unref();`,
  );
  // Whatever it wrote, it wrote while its command ran: the build saw one state of the file, and ended.
  expect([0, 1], output).toContain(code);
  await eventually(() => !commandLines().some((line) => line.includes('left-by-a-build')));
});

it('is told of the memory that it did not have', async () => {
  const { code, output } = await pushBuild(
    'eater',
    'for (const all = []; ; ) all.push(Buffer.alloc(8e6, 1));',
  );
  expect(code).toBe(1);
  expect(output).toContain('it needs more memory than a build has (512 MB)');
});

function commandLines(): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return ''; // It has just ended.
    }
  });
}
