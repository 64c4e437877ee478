/** The builds under way, by app and ref: a newer push of a ref ends the older one in its hook. */
export interface ActivePushes {
  /** Ends an older push of the ref; the returned turn is this push's own. */
  begin(appId: string, ref: string, sha: string): Turn;
}

export interface Turn {
  /** Aborted, with the newer commit's SHA as its reason, when a newer push took over. */
  signal: AbortSignal;
  end(): void;
}

export function createActivePushes(): ActivePushes {
  const active = new Map<string, AbortController>();
  return {
    begin(appId, ref, sha) {
      const key = `${appId} ${ref}`;
      active.get(key)?.abort(sha);
      const controller = new AbortController();
      active.set(key, controller);
      return {
        signal: controller.signal,
        end() {
          if (active.get(key) === controller) active.delete(key);
        },
      };
    },
  };
}
