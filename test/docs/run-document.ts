import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { Platform } from '../support/platform.ts';
import { type Block, type Command, missingLine, readBlocks } from './read-document.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
/** What the pages say, where a test has a port of its own. */
const PORT = 3000;
const DEV_PORT = 8787;
const COMMAND_DEADLINE_MS = 120_000;

interface Reader {
  home: string;
  environment: Record<string, string>;
  /** Where the next command runs. */
  folder: string;
  /** What the page says, and what it is here. */
  ports: [said: number, actual: number][];
  staying: ChildProcess[];
}

/**
 * Does what a page says, from top to bottom, as somebody with an empty home, the machine's git, and a platform whose
 * data folder is gitfn/.fn. Returns the reasons of the blocks that are only shown.
 */
export async function runDocument(name: string, platform: Platform): Promise<string[]> {
  const blocks = readBlocks(await readFile(join(PROJECT, 'docs', name), 'utf8'));
  const reader = await createReader(platform);
  const shown: string[] = [];
  try {
    for (const block of blocks) {
      const where = `docs/${name}:${block.line}`;
      if (block.kind === 'shown') shown.push(requireReason(block, where));
      else if (block.kind === 'file') await writeBlock(reader, block);
      else if (block.modes.has('stays')) await startStaying(reader, block, where);
      else if (block.modes.has('eventually'))
        await eventually(() => runBlock(reader, block, where), 60_000);
      else await runBlock(reader, block, where);
    }
  } finally {
    for (const child of reader.staying) await endStaying(child);
    await rm(reader.home, { recursive: true, force: true });
  }
  return shown;
}

async function createReader(platform: Platform): Promise<Reader> {
  const home = await mkdtemp(join(tmpdir(), 'gitfn-docs-'));
  const folder = join(home, 'work');
  await mkdir(join(folder, 'gitfn'), { recursive: true });
  await symlink(platform.dataDir, join(folder, 'gitfn/.fn'));
  await mkdir(join(home, 'bin'));
  await symlink(join(PROJECT, 'bin/fn'), join(home, 'bin/fn'));
  const config = '[user]\nname = Ada\nemail = ada@example.com\n[init]\ndefaultBranch = main\n';
  await writeFile(join(home, '.gitconfig'), `${config}[advice]\ndetachedHead = false\n`);
  const devPort = await freePort();
  const environment = {
    HOME: home,
    PATH: `${home}/bin:${process.env['PATH'] ?? ''}`,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    PORT: String(devPort),
  };
  const ports: Reader['ports'] = [
    [PORT, platform.port],
    [DEV_PORT, devPort],
  ];
  return { home, environment, folder, ports, staying: [] };
}

function requireReason(block: Block & { kind: 'shown' }, where: string): string {
  if (block.reason !== null) return block.reason;
  throw new Error(`${where}: a block that nothing runs says why: <!-- not run: … -->`);
}

async function writeBlock(reader: Reader, block: Block & { kind: 'file' }): Promise<void> {
  const path = join(reader.folder, block.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, block.content);
}

async function runBlock(
  reader: Reader,
  { commands, modes }: Block & { kind: 'console' },
  where: string,
): Promise<void> {
  for (const [at, command] of commands.entries()) {
    const { code, output } = await run(reader, command);
    const report = `${where}: $ ${command.text}\n${output}`;
    if (modes.has('fails') && at === commands.length - 1) expect(code, report).not.toBe(0);
    else expect(code, report).toBe(0);
    expect(missingLine(command.expected, output), report).toBeNull();
  }
}

async function run(reader: Reader, { text }: Command): Promise<{ code: number; output: string }> {
  const child = start(reader, `${text}\ncode=$?; pwd > "$HOME/folder"; exit $code`);
  const deadline = setTimeout(() => child.kill('SIGKILL'), COMMAND_DEADLINE_MS);
  const output = collect(child);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(deadline);
  reader.folder = (await readFile(join(reader.home, 'folder'), 'utf8')).trim();
  return { code: code ?? -1, output: asSaid(reader, output()) };
}

async function startStaying(
  reader: Reader,
  { commands: [command] }: Block & { kind: 'console' },
  where: string,
): Promise<void> {
  if (command === undefined) throw new Error(`${where}: no command`);
  const child = start(reader, `exec ${command.text}`);
  reader.staying.push(child);
  const output = collect(child);
  await eventually(() => {
    const missing = missingLine(command.expected, asSaid(reader, output()));
    expect(missing, `${where}: $ ${command.text}\n${output()}`).toBeNull();
  }, COMMAND_DEADLINE_MS);
}

async function endStaying(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'close');
}

/** Free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

function start({ folder, environment, ports }: Reader, script: string): ChildProcess {
  const here = ports.reduce(
    (text, [said, actual]) => text.replaceAll(`localhost:${said}`, `localhost:${actual}`),
    script,
  );
  return spawn('bash', ['-c', here], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Both streams, in the order in which a terminal would show them. */
function collect(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  return () => output;
}

function asSaid({ ports }: Reader, output: string): string {
  return ports.reduce(
    (text, [said, actual]) => text.replaceAll(`localhost:${actual}`, `localhost:${said}`),
    output,
  );
}
