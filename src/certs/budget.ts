/** Certificate authorities count by a window of this length. */
export const BUDGET_WINDOW_MS = 7 * 24 * 60 * 60_000;

/**
 * When a registered domain may have one more certificate: `now`, or when the oldest of those that stand in the way leaves
 * the window. `orderedAt`: when the others were ordered, in any order.
 */
export function budgetOpensAt(
  orderedAt: readonly number[],
  { now, perWeek }: { now: number; perWeek: number },
): number {
  const recent = orderedAt.filter((at) => at > now - BUDGET_WINDOW_MS).sort((a, b) => a - b);
  const inTheWay = recent.at(recent.length - perWeek);
  if (recent.length < perWeek || inTheWay === undefined) return now;
  return inTheWay + BUDGET_WINDOW_MS;
}
