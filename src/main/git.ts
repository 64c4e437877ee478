/** The git front's process. Its environment is empty at the start and becomes that of the git processes it runs. */
import { once } from 'node:events';
import { pino } from 'pino';
import {
  adoptEnvironment,
  createGitFront,
  DEFAULT_LIMITS,
  prepareGitEnvironment,
} from '../git/index.ts';
import type { ControlForGit } from '../protocol/git-front.ts';
import { createRpcClient } from '../protocol/rpc.ts';
import { systemClock } from '../std/clock.ts';
import { failpoint } from '../std/failpoint.ts';
import { startChild, type RunningChild } from './process/child-process.ts';
import { listenOnSocket } from './process/listen-on-socket.ts';
import type { GitOptions } from './process/start-options.ts';

startChild<GitOptions>(startGitFront);

async function startGitFront(options: GitOptions): Promise<RunningChild> {
  const { sockets, repositoriesDir, stateDir, maxPackBytes } = options;
  const environment = await prepareGitEnvironment({
    stateDir,
    hooksDir: options.hooksDir,
    hookSocket: sockets.gitHooks,
    maxPackBytes,
  });
  adoptEnvironment(environment);
  const front = await createGitFront(
    {
      control: createRpcClient<ControlForGit>(sockets.controlForGit, 'the control process'),
      clock: systemClock,
      log: pino({ name: 'git', level: options.isVerbose ? 'info' : 'warn' }),
      environment,
    },
    {
      address: options.address,
      repositoriesDir,
      stateDir,
      maxPackBytes,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      sshHostKey: options.ssh?.hostKey ?? null,
    },
  );
  await listenOnSocket(front.hooks, sockets.gitHooks);
  await listenOnSocket(front.calls, sockets.gitForControl);
  await listenOnSocket(front.http, sockets.gitHttp);
  if (options.ssh !== null && front.ssh !== null) {
    front.ssh.listen({ fd: options.ssh.listenFd });
    await once(front.ssh, 'listening');
  }
  return {
    close: async () => {
      await failpoint('git.drain-begun');
      await front.drain();
    },
  };
}
