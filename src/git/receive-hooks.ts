import { ERROR_TABLE, isToldReason, PlatformError } from '../protocol/errors.ts';
import type { PushedRefs, RefUpdate } from '../protocol/git-front.ts';
import type { Clock } from '../std/clock.ts';
import { failpoint } from '../std/failpoint.ts';
import type { GitRunner } from './git-runner.ts';
import type { HookCall } from './hook-server.ts';
import type { GitLimits } from './limits.ts';
import type { ControlPort, LogPort } from './ports.ts';
import type { Push } from './pushes.ts';
import { readUpdates } from './read-updates.ts';
import { followFirstBranch } from './repositories.ts';
import { createTerminal, type Terminal } from './terminal.ts';

interface Deps {
  control: ControlPort;
  git: GitRunner;
  clock: Clock;
  log: LogPort;
}

/** Answers the hooks of pushes. What is not clearly accepted by control is rejected. */
export interface ReceiveHooks {
  handle(call: HookCall): void;
  /** Resolves when no release that was begun is still reported on. */
  settled(): Promise<void>;
}

export function createReceiveHooks(deps: Deps, limits: GitLimits): ReceiveHooks {
  const running = new Set<Promise<void>>();

  async function answer(call: HookCall): Promise<void> {
    call.push.isHandedOver = true;
    const terminal = createTerminal(call.socket, {
      clock: deps.clock,
      heartbeatMs: limits.heartbeatMs,
    });
    const isAccepted =
      call.hook === 'pre-receive'
        ? await preReceive({ deps, limits }, call, terminal)
        : await postReceive(deps, call, terminal);
    call.push.quarantine = null;
    terminal.end(isAccepted ? 0 : 1);
  }

  return {
    handle(call) {
      const answered = answer(call).finally(() => running.delete(answered));
      running.add(answered);
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

async function preReceive(
  { deps, limits }: { deps: Deps; limits: GitLimits },
  { push, updates: lines }: HookCall,
  terminal: Terminal,
): Promise<boolean> {
  try {
    const read = await readUpdates({ git: deps.git, limits: limits.tree }, push, lines);
    if (read.kind === 'refused') {
      for (const line of read.lines) terminal.print(line);
      return false;
    }
    push.updates = read.updates;
    await failpoint('git.quarantine-read');
    const { accept } = await deps.control('preReceive', pushedRefs(push, read.updates), {
      onProgress: ({ line }) => terminal.print(line),
      // Without its receive-pack a push can't be accepted any more, whatever the builds say.
      signal: AbortSignal.any([push.ended, AbortSignal.timeout(limits.hookMs)]),
    });
    for (const { ref } of accept ? read.updates : []) push.acceptedRefs.add(ref);
    await failpoint('git.push-accepted');
    return accept;
  } catch (error) {
    if (isOurFault(error))
      deps.log.warn({ err: error, push: push.id }, 'a push could not be taken');
    for (const line of rejectionOf(error)) terminal.print(line);
    return false;
  }
}

/** Not tied to the push's process: the refs have moved, and the release goes on without any terminal. */
async function postReceive(
  deps: Deps,
  { push, updates: lines }: HookCall,
  terminal: Terminal,
): Promise<boolean> {
  const movedRefs = new Set(lines.map((line) => line.ref));
  const moved = push.updates.filter((update) => movedRefs.has(update.ref));
  for (const ref of movedRefs) push.acceptedRefs.delete(ref);
  try {
    await failpoint('git.refs-moved');
    await followFirstBranch(push.repository, moved);
    await deps.control('postReceive', pushedRefs(push, moved), {
      onProgress: ({ line }) => terminal.print(line),
    });
    await failpoint('git.release-answered');
  } catch (error) {
    deps.log.warn({ err: error, push: push.id }, 'a release was not confirmed');
    terminal.print(' !     The push is stored, but its release was not confirmed.');
    terminal.print('       The platform takes it up again by itself within a minute.');
  }
  return true;
}

function pushedRefs({ id, appId, principal, from }: Push, updates: RefUpdate[]): PushedRefs {
  return { pushId: id, appId, principal, from, updates };
}

function isOurFault(error: unknown): boolean {
  return !(error instanceof PlatformError) || ERROR_TABLE[error.code].fault === 'operator';
}

function rejectionOf(error: unknown): string[] {
  if (isOurFault(error) || !(error instanceof PlatformError)) {
    const lines = [
      ' !     The platform can not take the push now. Nothing was changed; try again in a moment.',
    ];
    return isToldReason(error) ? [...lines, `       The reason: ${error.message}.`] : lines;
  }
  const lines = [` !     ${error.message}`];
  return error.hint === undefined ? lines : [...lines, `       ${error.hint}`];
}
