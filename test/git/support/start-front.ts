import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { BoundSocket, type AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import type { GitLimits } from '../../../src/git/limits.ts';
import { loadSshHostKey } from '../../../src/main/config/ssh-host-key.ts';
import type { GitOptions } from '../../../src/main/process/start-options.ts';
import type { GitForControl } from '../../../src/protocol/git-front.ts';
import { createRpcClient, type RpcClient } from '../../../src/protocol/rpc.ts';
import { createFakeControl, type FakeControl } from './fake-control.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
export const NODE = join(ROOT, 'node_modules/.bin/node');

/** A git front as the supervisor starts it, between a fake control and a fake door. */
export interface RunningFront extends AsyncDisposable {
  control: FakeControl;
  calls: RpcClient<GitForControl>;
  process: ChildProcess;
  sockets: GitOptions['sockets'];
  /** `http://127.0.0.1:<port>`, where a git client comes in. */
  origin: string;
  /** 0 where nothing comes over SSH. */
  sshPort: number;
  /** What the door tells of its clients. */
  peer: { address: string; scheme: string };
  folder: string;
  repositoriesDir: string;
  repositoryOf(appName: string): string;
  /** Command lines of the git processes that this front has started and that still run. */
  gitProcesses(): Promise<string[]>;
  stop(): Promise<number | null>;
}

interface StartOptions {
  /** It answers SSH, too. */
  isOverSsh?: boolean;
  limits?: Partial<GitLimits>;
  maxPackBytes?: number;
}

export const TOKEN = 'token-of-ada';

export async function startFront(options: StartOptions = {}): Promise<RunningFront> {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-front-'));
  await mkdir(join(folder, 'state'));
  const sockets = {
    gitHttp: join(folder, 'http.sock'),
    gitForControl: join(folder, 'calls.sock'),
    gitHooks: join(folder, 'state', 'hooks.sock'),
    controlForGit: join(folder, 'control.sock'),
  };
  const control = createFakeControl(sockets.controlForGit);
  control.tokens.set(TOKEN, { role: 'admin' });
  await control.listen();
  const repositoriesDir = join(folder, 'repositories');
  const bound = options.isOverSsh ? new BoundSocket({ host: '127.0.0.1', port: 0 }) : null;
  const hostKey = bound === null ? null : await loadSshHostKey(folder);
  const startOptions: GitOptions = {
    sockets,
    repositoriesDir,
    hooksDir: join(ROOT, 'hooks'),
    stateDir: join(folder, 'state'),
    address: { baseDomain: 'localhost', controlHost: 'localhost', scheme: 'http', port: 3000 },
    maxPackBytes: options.maxPackBytes ?? 64 * 1024 * 1024,
    isVerbose: false,
    ssh: hostKey === null ? null : { listenFd: SSH_FD, hostKey: hostKey.privateKey },
    ...(options.limits && { limits: options.limits }),
  };
  const child = await startProcess(startOptions, bound?.fd() ?? null);
  const peer = { address: '127.0.0.1', scheme: 'http' };
  const door = await openDoor(sockets.gitHttp, peer);

  async function stop(): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.send({ type: 'stop' });
      await exited;
    }
    return child.exitCode;
  }

  return {
    control,
    calls: createRpcClient<GitForControl>(sockets.gitForControl, 'the git front'),
    process: child,
    sockets,
    origin: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    sshPort: bound?.address().port ?? 0,
    peer,
    folder,
    repositoriesDir,
    repositoryOf: (appName) => join(repositoriesDir, `${control.apps.get(appName)}.git`),
    gitProcesses: () => gitProcessesOf(folder),
    stop,
    async [Symbol.asyncDispose]() {
      bound?.close();
      door.closeAllConnections();
      door.close();
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }
      await control.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** 3 is the channel. */
const SSH_FD = 4;

async function startProcess(options: GitOptions, sshFd: number | null): Promise<ChildProcess> {
  const child = spawn(NODE, [join(ROOT, 'src/main/git.ts')], {
    env: {},
    stdio: ['ignore', 'ignore', 'inherit', 'ipc', sshFd ?? 'ignore'],
  });
  child.send({ type: 'start', options });
  const [message] = (await once(child, 'message')) as [{ type: string }];
  if (message.type !== 'ready')
    throw new Error(`the front did not start: ${JSON.stringify(message)}`);
  return child;
}

/** Does what the data process does: hands requests on unbuffered, with the peer in headers of its own. */
async function openDoor(
  socketPath: string,
  peer: { address: string; scheme: string },
): Promise<http.Server> {
  const server = http.createServer({ requestTimeout: 0 }, (request, response) => {
    const headers = {
      ...request.headers,
      'x-gitfn-peer-address': peer.address,
      'x-gitfn-peer-scheme': peer.scheme,
    };
    const { method, url: path } = request;
    const onward = http.request({ socketPath, method, path, headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    request.on('error', () => onward.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Found by the configuration file in their environment, which no other front shares. */
async function gitProcessesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    try {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1');
      const commandLine = (await readFile(`/proc/${pid}/cmdline`, 'latin1')).replaceAll('\0', ' ');
      const isGit = commandLine.includes('git') && !commandLine.includes('main/git.ts');
      if (environment.includes(`GIT_CONFIG_GLOBAL=${folder}/`) && isGit) found.push(commandLine);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}
