export type Subject = 'refs' | 'rows' | 'bundles' | 'routes' | 'sandboxes';

/** Two things that do not agree. */
export interface Finding {
  subject: Subject;
  /** Name of the app; null where it is of none. */
  app: string | null;
  message: string;
  /** What mends it: a command, or what the platform does by itself, and when. */
  remedy: string;
}

/** The reconciler does it at its next round; what is still there after two of them needs somebody. */
export const BY_ITSELF =
  'the platform mends it within a minute; if it stays, restart the server and look at its log for "background work failed"';

export function pushAgain(ref: string): string {
  return `push again: git push fn ${ref.replace(/^refs\/(heads|tags)\//, '')}`;
}
