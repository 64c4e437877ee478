/**
 * The launcher: makes the processes of sandboxes in the supervisor's place, which meanwhile answers. Making one holds up
 * whoever does it for some milliseconds, the longer the more memory it has: so this process has little.
 */
import { type LaunchedProcess, launchHere } from '../sandbox/launched-process.ts';
import type { LauncherNotice, LauncherRequest } from '../protocol/launcher.ts';
import { failpoint } from '../std/failpoint.ts';
import { type RunningChild, startChild, type SupervisorHost } from './process/child-process.ts';

type LaunchRequest = Extract<LauncherRequest, { type: 'launch' }>;

startChild<null, LauncherNotice, LauncherRequest>(startLauncher);

async function startLauncher(
  _options: null,
  host: SupervisorHost<LauncherNotice, LauncherRequest>,
): Promise<RunningChild> {
  const running = new Map<number, LaunchedProcess>();

  function launch({ id, type: _type, input, ...order }: LaunchRequest): void {
    try {
      const filter = Buffer.from(input.filter, 'base64');
      const launched = launchHere({ ...order, input: { ...input, filter } });
      running.set(id, launched);
      for (const [fd, socket] of launched.descriptors) {
        host.send({ type: 'descriptor', id, fd }, socket);
      }
      host.send({ type: 'launched', id, pid: launched.pid });
      void tellEnd(id, launched);
    } catch (error) {
      host.send({ type: 'not-launched', id, reason: String(error) });
    }
  }

  async function tellEnd(id: number, launched: LaunchedProcess): Promise<void> {
    const end = await launched.ended;
    running.delete(id);
    host.send({ type: 'ended', id, end });
  }

  host.onNotice((request) => {
    if (request.type === 'launch') void failpoint('launcher.asked').then(() => launch(request));
    else if (request.type === 'boot') running.get(request.id)?.boot();
    else if (request.target === 'inside') running.get(request.id)?.killInside();
    else running.get(request.id)?.killOutside();
  });
  return { close: () => Promise.resolve() };
}
