const INTERVAL_MS = 1_000;

/**
 * Tells the most memory that this process ever had resident, in KiB, as the kernel counts it: at most once a second,
 * and only when it has grown. To be called when a request has ended.
 */
export function createMemoryReport(
  send: (peakKib: number) => void,
  nowMs: () => number,
): () => void {
  let toldAtMs = -Infinity;
  let toldKib = 0;
  return () => {
    const now = nowMs();
    if (now - toldAtMs < INTERVAL_MS) return;
    toldAtMs = now;
    const { maxRSS } = process.resourceUsage();
    if (maxRSS <= toldKib) return;
    toldKib = maxRSS;
    send(maxRSS);
  };
}
