import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startPush } from '../support/running-push.ts';
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

it('is gone within two seconds when it is cancelled, with all that it started', async () => {
  const repository = await createRepository(platform(), 'stubborn');
  await repository.commit({
    'index.js': 'export default () => new Response();\n',
    'fn.json': JSON.stringify({ build: { command: 'node build.cjs' } }),
    'build.cjs': `
      const { spawn } = require('node:child_process');
      process.on('SIGTERM', () => {});
      for (let i = 0; i < 5; i++) spawn('setsid', ['nohup', 'sleep', '98765'], { detached: true, stdio: 'ignore' });
      setInterval(() => {}, 1e3);`,
  });
  const push = await startPush(repository, 'main');
  const remains = (): string[] => commandLines().filter((line) => line.includes('98765'));
  await eventually(() => remains().length >= 5);
  const cancelled = await repository.fn('cancel');
  expect(cancelled.code, cancelled.output).toBe(0);
  await eventually(() => remains().length === 0, 2_000);
  expect(await push.ended).toBe(1);
});

it('starts no more processes, opens no more files and writes no more than it may, and says so', async () => {
  const { code, output } = await pushBuild(
    'bomb',
    `const { spawn } = require('node:child_process');
     const fs = require('node:fs');
     const failures = new Set();
     const attempt = (f) => { try { f(); } catch ({ code }) { failures.add(code); } };
     attempt(() => { for (let i = 0; i < 5000; i++) fs.openSync('/dev/null'); });
     for (let fd = 20; fd < 1024; fd++) attempt(() => fs.closeSync(fd));
     failures.delete('EBADF');
     attempt(() => { for (;;) fs.appendFileSync('/tmp/fill', Buffer.alloc(1 << 24)); });
     fs.rmSync('/tmp/fill');
     let left = 600;
     const next = () => left-- > 0 ? spawn('sleep', ['600'], { stdio: 'ignore' }).on('error', (e) => { failures.add(e.code); left = 0; next(); }).on('spawn', next)
       : (console.log('FAILURES ' + [...failures].sort().join()), process.exit(3));
     next();`,
  );
  expect(code).toBe(1);
  expect(output).toMatch(/FAILURES EAGAIN,EMFILE,ENOSPC/);
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
