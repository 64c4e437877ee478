/** The launcher as the supervisor sees it: starts processes of sandboxes without holding up whoever asks. */
import type { ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { LauncherNotice, LauncherRequest } from '../../../protocol/launcher.ts';
import {
  descriptorsOf,
  type LaunchedProcess,
  type Launcher,
  launchHere,
  type LaunchOrder,
  type ProcessEnd,
} from '../../../sandbox/index.ts';
import type { ProcessListener } from '../supervised-process.ts';

export interface LauncherClient extends Launcher {
  attach(child: ChildProcess): ProcessListener;
}

interface Launching {
  order: LaunchOrder;
  descriptors: Map<number, Socket>;
  resolve: (launched: LaunchedProcess) => void;
  reject: (error: Error) => void;
  cancelDeadline: () => void;
}

/** A launcher that has answered nothing for so long is started anew. */
const LAUNCH_DEADLINE_MS = 15_000;
/** What the launcher takes along when it ends: bubblewrap sees to that. */
const ENDED_WITH_LAUNCHER: ProcessEnd = { code: null, signal: 'SIGKILL', wasKilledInside: false };

/** While there is no launcher, this process starts them itself. */
export function createLauncherClient(): LauncherClient {
  let current: Connection | null = null;
  return {
    launch: async (order) => (current === null ? launchHere(order) : current.launch(order)),
    attach: (child) => {
      const connection = new Connection(child);
      return {
        ready: () => (current = connection),
        message: () => {}, // It comes with handles, and is heard where those are.
        ended: () => {
          if (current === connection) current = null;
          connection.ended();
        },
      };
    },
  };
}

/** One run of the launcher. */
class Connection {
  readonly #child: ChildProcess;
  readonly #launching = new Map<number, Launching>();
  readonly #running = new Map<number, (end: ProcessEnd) => void>();
  #lastId = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (raw, handle) => {
      this.#receive(raw as LauncherNotice | { type: 'ready' | 'failed' }, handle);
    });
  }

  launch(order: LaunchOrder): Promise<LaunchedProcess> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#child.kill('SIGKILL'), LAUNCH_DEADLINE_MS);
      const cancelDeadline = (): void => clearTimeout(timer);
      this.#launching.set(id, { order, descriptors: new Map(), resolve, reject, cancelDeadline });
      const { input } = order;
      const filter = input.filter.toString('base64');
      this.#send({ type: 'launch', id, ...order, input: { ...input, filter } });
    });
  }

  ended(): void {
    for (const id of this.#launching.keys()) this.#notLaunched(id, 'the launcher has ended');
    for (const end of this.#running.values()) end(ENDED_WITH_LAUNCHER);
    this.#running.clear();
  }

  #receive(notice: LauncherNotice | { type: 'ready' | 'failed' }, handle: unknown): void {
    switch (notice.type) {
      case 'descriptor':
        return this.#keep(notice.id, notice.fd, handle);
      case 'launched':
        return this.#launched(notice.id, notice.pid);
      case 'not-launched':
        return this.#notLaunched(notice.id, notice.reason);
      case 'ended':
        this.#running.get(notice.id)?.(notice.end);
        this.#running.delete(notice.id);
        return;
      case 'ready':
      case 'failed':
        return; // For supervised-process.ts.
      default:
        return notice satisfies never;
    }
  }

  #keep(id: number, fd: number, socket: unknown): void {
    // Node drops the handle of a socket that has closed on its way.
    if (!(socket instanceof Socket)) return;
    // A peer that has gone is told by the end of the process.
    socket.on('error', () => {});
    const launching = this.#launching.get(id);
    if (launching === undefined) socket.destroy();
    else launching.descriptors.set(fd, socket);
  }

  #launched(id: number, pid: number): void {
    const launching = this.#launching.get(id);
    if (launching === undefined) return;
    const { descriptors, order, resolve, cancelDeadline } = launching;
    if (!descriptorsOf(order).every((fd) => descriptors.has(fd))) {
      this.#send({ type: 'kill', id, target: 'outside' });
      return this.#notLaunched(id, 'it ended at once');
    }
    this.#launching.delete(id);
    cancelDeadline();
    resolve({
      pid,
      descriptors,
      boot: () => this.#send({ type: 'boot', id }),
      killInside: () => this.#send({ type: 'kill', id, target: 'inside' }),
      killOutside: () => this.#send({ type: 'kill', id, target: 'outside' }),
      ended: new Promise((end) => this.#running.set(id, end)),
    });
  }

  #notLaunched(id: number, reason: string): void {
    const launching = this.#launching.get(id);
    if (launching === undefined) return;
    this.#launching.delete(id);
    launching.cancelDeadline();
    for (const socket of launching.descriptors.values()) socket.destroy();
    launching.reject(new Error(reason));
  }

  /** A channel that has closed is told by the end of the process. */
  #send(request: LauncherRequest): void {
    if (this.#child.connected) this.#child.send(request, () => {});
  }
}
