/** The builds under way, by app and ref: a newer push of a ref ends the older one in its hook. */
export interface ActivePushes {
  /** Ends an older push of the ref; the returned turn is this push's own. */
  begin(appId: string, ref: string, sha: string): Turn;
  /** Of what git has accepted already. It ends nobody; a push that begins later ends it. */
  beginAccepted(appId: string, ref: string): Turn;
  /** Ends all of an app that goes; resolves when they have ended. */
  endAll(appId: string): Promise<void>;
}

export interface Turn {
  /** Aborted, with the newer commit's SHA as its reason, when a newer push took over. */
  signal: AbortSignal;
  /** Aborted, and `signal` with it, when the app goes. */
  appGone: AbortSignal;
  end(): void;
}

interface ActivePush {
  appId: string;
  controller: AbortController;
  appGone: AbortController;
  ended: PromiseWithResolvers<void>;
}

export function createActivePushes(): ActivePushes {
  const active = new Set<ActivePush>();
  const newest = new Map<string, ActivePush>();

  function open(appId: string, key: string): { push: ActivePush; turn: Turn } {
    const controller = new AbortController();
    const appGone = new AbortController();
    const push = { appId, controller, appGone, ended: Promise.withResolvers<void>() };
    active.add(push);
    const end = (): void => {
      if (newest.get(key) === push) newest.delete(key);
      active.delete(push);
      push.ended.resolve();
    };
    return { push, turn: { signal: controller.signal, appGone: appGone.signal, end } };
  }

  return {
    begin(appId, ref, sha) {
      const key = `${appId} ${ref}`;
      newest.get(key)?.controller.abort(sha);
      const { push, turn } = open(appId, key);
      newest.set(key, push);
      return turn;
    },
    beginAccepted(appId, ref) {
      const key = `${appId} ${ref}`;
      const { push, turn } = open(appId, key);
      if (!newest.has(key)) newest.set(key, push);
      return turn;
    },
    async endAll(appId) {
      const own = [...active].filter((push) => push.appId === appId);
      const reason = new Error('the app is deleted');
      for (const { controller, appGone } of own) {
        appGone.abort(reason);
        controller.abort(reason);
      }
      await Promise.all(own.map(({ ended }) => ended.promise));
    },
  };
}
