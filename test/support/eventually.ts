const DEADLINE_MS = 20_000;
const PAUSE_MS = 20;

/** Tries until `attempt` neither throws nor returns false; then gives what it returned. Fails with its last error. */
export async function eventually<T>(
  attempt: () => Promise<T> | T,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const endsAt = performance.now() + deadlineMs;
  let failure: unknown = new Error('it never became true');
  while (performance.now() < endsAt) {
    try {
      const result = await attempt();
      if (result !== false) return result;
    } catch (error) {
      failure = error;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  throw failure;
}
