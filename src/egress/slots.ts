import type { EgressPolicy } from '../model/egress-rule.ts';
import { canonicalAddress } from '../model/egress-rule.ts';
import type { AppShares, SandboxShare } from './app-shares.ts';

/** One sandbox that has a network of its own, as this process knows it. */
export interface Slot {
  app: string;
  /** As the supervisor writes them. */
  sources: readonly string[];
  policy: EgressPolicy;
  share: SandboxShare;
}

/** By the addresses that their packets come from. */
export interface Slots {
  open(app: string, sources: readonly string[], policy: EgressPolicy): void;
  close(sources: readonly string[]): void;
  find(source: string): Slot | null;
}

export function createSlots(shares: AppShares): Slots {
  const slots = new Map<string, Slot>();
  const close = (sources: readonly string[]): void => {
    const closed = new Set(sources.map((source) => slots.get(canonicalAddress(source))));
    for (const slot of closed) if (slot !== undefined) shares.leave(slot.app);
    for (const source of sources) slots.delete(canonicalAddress(source));
  };
  return {
    open(app, sources, { publicAllowed, rules }) {
      close(sources); // Told again.
      const policy = { publicAllowed, rules };
      const slot = { app, sources, policy, share: shares.join(app) };
      for (const source of sources) slots.set(canonicalAddress(source), slot);
    },
    close,
    find: (source) => slots.get(canonicalAddress(source)) ?? null,
  };
}
