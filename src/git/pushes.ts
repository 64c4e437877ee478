import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Principal, PushOrigin, RefUpdate } from '../protocol/git-front.ts';

/** A push whose receive-pack runs, or whose release still goes on. */
export interface Push {
  readonly id: string;
  readonly appId: string;
  readonly repository: string;
  readonly principal: Principal;
  readonly from: PushOrigin;
  /** Set while pre-receive runs: where git keeps the objects that nothing refers to yet. */
  quarantine: string | null;
  /** What pre-receive read of the updates, for post-receive. */
  updates: RefUpdate[];
  /** Accepted by control, which has not been told yet that they have moved. */
  readonly acceptedRefs: Set<string>;
  /** The hook has the push: from here on it goes on without its client. */
  isHandedOver: boolean;
  /** Aborted when receive-pack has ended. */
  readonly ended: AbortSignal;
}

/** The pushes of this process, by git process and by id. */
export class Pushes {
  readonly #byPid = new Map<number, Push>();
  readonly #byId = new Map<string, Push>();

  /** Keeps the push for as long as its git process lives. */
  add(push: Omit<Push, 'ended'>, child: ChildProcess): Push {
    const ended = new AbortController();
    const added: Push = Object.assign(push, { ended: ended.signal });
    const pid = child.pid;
    if (pid !== undefined) this.#byPid.set(pid, added);
    this.#byId.set(added.id, added);
    const remove = (): void => {
      if (pid !== undefined) this.#byPid.delete(pid);
      this.#byId.delete(added.id);
      ended.abort(new Error('receive-pack has ended'));
    };
    child.on('exit', remove);
    child.on('error', remove);
    return added;
  }

  ofProcess(pid: number): Push | undefined {
    return this.#byPid.get(pid);
  }

  byId(id: string): Push | undefined {
    return this.#byId.get(id);
  }

  ofRepository(repository: string): Push[] {
    return [...this.#byId.values()].filter((push) => push.repository === repository);
  }

  /** Resolves when none runs. */
  async ended(): Promise<void> {
    while (this.#byId.size > 0) {
      const running = [...this.#byId.values()];
      await Promise.all(running.map(({ ended }) => once(ended, 'abort')));
    }
  }

  ofApp(appId: string): Push[] {
    return [...this.#byId.values()].filter((push) => push.appId === appId);
  }
}
