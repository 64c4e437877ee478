/**
 * `npm run demo`: the main job by itself. On a fresh data folder and a free port it starts the platform, makes a
 * repository from a template, pushes it with the machine's own git, asks its URL, breaks it, pushes a branch and
 * rolls back, showing each command and what it answered. Exits 0, or 1 with the reason. `-- --keep` stays up.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const PROJECT = resolve(import.meta.dirname, '../..');
const FN = join(PROJECT, 'bin/fn');
/** The first start makes a database, and may install system packages. */
const START_DEADLINE_MS = 120_000;
const run = promisify(execFile);

interface Demo {
  folder: string;
  repository: string;
  server: ChildProcess;
  url: string;
  port: number;
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<void> {
  const keep = process.argv.includes('--keep');
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-demo-'));
  const beganAt = performance.now();
  let demo: Demo | null = null;
  try {
    demo = await startPlatform(folder);
    say(`\nThe platform is up after ${Math.round(performance.now() - beganAt)} ms: ${demo.url}`);
    await tellTheStory(demo);
    say(`\nAll of it worked, in ${((performance.now() - beganAt) / 1000).toFixed(1)} s.`);
    if (keep) await stayUp(demo);
  } finally {
    if (demo) await stopPlatform(demo.server);
    await rm(folder, { recursive: true, force: true });
  }
}

async function tellTheStory(demo: Demo): Promise<void> {
  await makeRepository(demo);
  const first = await push(demo, ['main']);
  await ask(demo, 'hello');

  say('\n# A push of code that does not build is rejected; what was live still serves.');
  await edit(demo, 'export const handler = async () => ({ statusCode: 200, body: "oops" ;\n');
  await push(demo, ['main'], { isRejected: true });
  await ask(demo, 'hello');

  say('\n# A branch has its own URL.');
  await git(demo, ['checkout', '-q', '-b', 'greeting']);
  await edit(demo, 'export const handler = async () => "Greetings from a branch";\n');
  await push(demo, ['greeting']);
  await ask(demo, 'greeting--hello');

  say('\n# It goes to production, and is taken back.');
  await push(demo, ['greeting:main']);
  await ask(demo, 'hello');
  await show('fn rollback', await run(FN, ['rollback'], { cwd: demo.repository, env: home(demo) }));
  await ask(demo, 'hello');
  await ask(demo, `${first.slice(0, 12)}--hello`);
}

async function startPlatform(folder: string): Promise<Demo> {
  say('$ npm start');
  const server = spawn(FN, ['server'], {
    env: {
      ...process.env,
      PORT: '0',
      HOST: '127.0.0.1',
      FN_DATA_DIR: join(folder, 'data'),
      FN_EGRESS: 'none', // The demo's function connects to nothing, and the machine stays as it was.
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const address = join(folder, 'data', 'server.json');
  const deadline = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`the platform ended with ${server.exitCode}`);
    const found = await readFile(address, 'utf8').catch(() => null);
    if (found !== null) {
      const { url, port } = JSON.parse(found) as { url: string; port: number };
      return { folder, repository: join(folder, 'hello'), server, url, port };
    }
    await new Promise((wake) => setTimeout(wake, 20));
  }
  throw new Error(`the platform was not up after ${START_DEADLINE_MS / 1000} s`);
}

async function makeRepository(demo: Demo): Promise<void> {
  say('\n# A repository with one file.');
  await cp(join(PROJECT, 'templates/hello'), demo.repository, { recursive: true });
  say(await readFile(join(demo.repository, 'index.ts'), 'utf8'));
  await git(demo, ['init', '-q', '-b', 'main']);
  await git(demo, ['config', 'user.name', 'Demo']);
  await git(demo, ['config', 'user.email', 'demo@example.com']);
  await git(demo, ['add', '.']);
  await git(demo, ['commit', '-q', '-m', 'Say hello']);
  const token = join(demo.folder, 'data', 'admin-token');
  const init = ['init', 'hello', '--server', demo.url, '--token-file', token];
  await show(
    `fn ${init.join(' ')}`,
    await run(FN, init, { cwd: demo.repository, env: home(demo) }),
  );
}

async function edit(demo: Demo, code: string): Promise<void> {
  await writeFile(join(demo.repository, 'index.ts'), code);
  await git(demo, ['commit', '-q', '-a', '-m', 'Change the greeting']);
}

/** Pushes with the machine's git, output as it comes; returns the commit. */
async function push(
  demo: Demo,
  refs: string[],
  { isRejected } = { isRejected: false },
): Promise<string> {
  say(`\n$ git push fn ${refs.join(' ')}`);
  const beganAt = performance.now();
  const child = spawn('git', ['push', 'fn', ...refs], {
    cwd: demo.repository,
    env: home(demo),
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  say(`(git exited with ${code} after ${Math.round(performance.now() - beganAt)} ms)`);
  if ((code !== 0) !== isRejected) throw new Error(`git push exited with ${code}`);
  const { stdout } = await run('git', ['rev-parse', 'HEAD'], { cwd: demo.repository });
  return stdout.trim();
}

async function ask(demo: Demo, label: string): Promise<void> {
  const host = `${label}.localhost:${demo.port}`;
  const beganAt = performance.now();
  const { response, body } = await get(demo.port, host);
  const ms = (performance.now() - beganAt).toFixed(1);
  say(`\n$ curl http://${host}/`);
  say(body);
  const { 'x-fn-version': version = 'this commit', 'x-fn-commit': commit } = response.headers;
  say(
    `(${response.statusCode} after ${ms} ms: ${String(version)}, ${String(commit).slice(0, 12)})`,
  );
  if (response.statusCode !== 200) throw new Error(`${host} answered ${response.statusCode}`);
}

/** curl and browsers resolve *.localhost; Node does not, so it dials the address. */
async function get(
  port: number,
  host: string,
): Promise<{ response: http.IncomingMessage; body: string }> {
  const request = http.get({ host: '127.0.0.1', port, headers: { host } });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { response, body };
}

async function git(demo: Demo, args: string[]): Promise<void> {
  await run('git', args, { cwd: demo.repository, env: home(demo) });
}

/** Neither the demo's credentials nor its git settings touch the user's own. */
function home(demo: Demo): NodeJS.ProcessEnv {
  return { ...process.env, HOME: demo.folder, XDG_CONFIG_HOME: join(demo.folder, '.config') };
}

async function show(command: string, output: { stdout: string; stderr: string }): Promise<void> {
  say(`\n$ ${command}`);
  say((output.stdout + output.stderr).trimEnd());
}

async function stayUp(demo: Demo): Promise<void> {
  say(`\nStays up: ${demo.repository} is the repository. Ctrl-C ends it.`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}

async function stopPlatform(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  server.kill('SIGTERM');
  await once(server, 'close');
}

try {
  await main();
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
