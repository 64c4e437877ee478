import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { descendantsOf, platformProcesses } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { keepAsking, type SteadyRequests } from '../support/steady-requests.ts';
import { usePlatform } from '../support/use-platform.ts';

/** Builds that take what they can get (B4, B5, B8): a neighbour is asked all the while, and nothing is left of them. */
const platform = usePlatform({ env: { FN_BUILD_MEMORY: '512' } });
const MARK = `left-by-a-hostile-build-${process.pid}`;

let neighbour: SteadyRequests;
let ownPids: number[];

beforeAll(async () => {
  const good = await createRepository(platform(), 'good');
  await good.commit({ 'index.js': 'export const handler = async () => "neighbour";' });
  expect(await good.push('main')).toMatchObject({ code: 0 });
  ownPids = pids();
  neighbour = keepAsking(platform(), 'good', 'neighbour');
});
afterAll(() => neighbour.stop());

function pids(): number[] {
  return platformProcesses(platform().pid)
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
}

/** What a build command does, and what the pusher may be told of it. */
const BUILDS: [name: string, program: string, told: RegExp][] = [
  [
    'forks without end',
    `const { spawn } = require('node:child_process');
     for (let i = 0; i < 5000; i += 1) {
       try { spawn('sh', ['-c', 'sleep 600 # ${MARK}'], { stdio: 'ignore' }).on('error', () => {}); } catch {}
     }
     setTimeout(() => process.exit(7), 500);`,
    /exit code 7|memory|processes|EAGAIN/,
  ],
  [
    'prints without end',
    `const line = 'y'.repeat(1000) + '\\n';
     for (let i = 0; i < 100_000; i += 1) require('node:fs').writeSync(1, line);
     process.exit(8);`,
    /exit code 8/,
  ],
  [
    'fills its disk',
    `const fs = require('node:fs');
     for (let i = 0; ; i += 1) fs.writeFileSync('fill-' + i, Buffer.alloc(8e6, 1));`,
    /ENOSPC|no space|memory/i,
  ],
  [
    'puts links and pipes among its public files',
    `const fs = require('node:fs');
     fs.mkdirSync('public');
     fs.writeFileSync('public/index.html', 'hello');
     fs.symlinkSync('/proc/self/environ', 'public/environ');
     fs.symlinkSync('/etc', 'public/etc');
     require('node:child_process').execFileSync('mkfifo', ['public/pipe']);`,
    /public\/\w+ is a symbolic link out of public\//,
  ],
];

/** What esbuild is asked to put into the bundle. */
it.each([
  ['/etc/passwd', '/etc/passwd'],
  ['/etc/shadow', '../../../../../../etc/shadow'],
  ['its environment', '/proc/self/environ'],
])('a bundle takes in nothing of %s (B8)', async (name, path) => {
  const app = `takes${name.replace(/[^a-z]+/g, '-')}`;
  const repository = await createRepository(platform(), app);
  const importing = (from: string): string =>
    `import text from ${JSON.stringify(from)} with { type: 'text' };\nexport default () => new Response(text);\n`;
  await repository.commit({ 'index.js': importing('./own.txt'), 'own.txt': 'own' });
  const own = await repository.push('main');
  expect(own.code, own.output).toBe(0);
  await repository.commit({ 'index.js': importing(path) });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(1);
  expect(output).toContain(path);
  expect(output).not.toMatch(/root:|PATH=/);
});

it.each(BUILDS)('a build that %s harms itself alone', async (name, program, told) => {
  const repository = await createRepository(platform(), name.replaceAll(' ', '-').slice(0, 30));
  await repository.commit({
    'index.js': 'export default () => new Response();\n',
    'fn.json': JSON.stringify({ build: { command: 'node build.cjs' } }),
    'build.cjs': program,
  });
  const { code, output } = await repository.push('main');
  expect([0, 1], output).toContain(code);
  expect(output).toMatch(told);
  expect(output).not.toContain('root:');
  await eventually(() => {
    const left = descendantsOf(1).filter(({ commandLine }) => commandLine.includes(MARK));
    expect(left).toEqual([]);
  });
  expect(neighbour.failures).toEqual([]);
  expect(pids()).toEqual(ownPids);
});
