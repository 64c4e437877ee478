/**
 * Makes `run` one that many may ask for at a time: nobody's run begins before they asked, and those who ask while one is
 * under way share the next.
 */
export function shareRuns<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | null = null;
  let next: Promise<T> | null = null;

  function start(): Promise<T> {
    next = null;
    const current = run().finally(() => {
      if (running === current) running = null;
    });
    running = current;
    return current;
  }

  return () => {
    if (running === null) return start();
    // The run under way may have looked before the caller's change.
    next ??= running.then(start, start);
    return next;
  };
}
