/** Does something whose trouble is reported and keeps nothing else waiting. Never rejects. */
export type Attempt = (work: () => Promise<unknown>) => Promise<void>;

/** Once the signal is aborted it begins nothing more, and what that interrupts is no trouble: the database is being closed. */
export function createAttempt(
  signal: AbortSignal | null,
  onError: (error: unknown) => void,
): Attempt {
  return async (work) => {
    if (signal?.aborted) return;
    try {
      await work();
    } catch (error) {
      if (!signal?.aborted) onError(error);
    }
  };
}
