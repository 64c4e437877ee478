/**
 * What the supervisor and its launcher say to each other over the channel that the launcher inherits. The launcher makes
 * the processes of sandboxes, nothing else: it is as privileged as the supervisor and takes orders from it alone.
 *
 *     supervisor → launch              launcher → descriptor …, launched | not-launched
 *     supervisor → boot, kill          launcher → ended
 *
 * Its sandboxes end with it, by bubblewrap's own --die-with-parent.
 */

export type LauncherRequest =
  | {
      type: 'launch';
      id: number;
      command: readonly [string, ...string[]];
      environment: Readonly<Record<string, string>>;
      handsOverOutput: boolean;
      hasChannel: boolean;
      /** See `LaunchOrder`; the filter in base64. */
      input: { arguments: string; filter: string };
    }
  | { type: 'boot'; id: number }
  | { type: 'kill'; id: number; target: 'inside' | 'outside' };

export type LauncherNotice =
  /** Comes with our end of that descriptor as its handle. */
  | { type: 'descriptor'; id: number; fd: number }
  /** All descriptors have come. */
  | { type: 'launched'; id: number; pid: number }
  | { type: 'not-launched'; id: number; reason: string }
  | {
      type: 'ended';
      id: number;
      end: { code: number | null; signal: string | null; wasKilledInside: boolean };
    };
