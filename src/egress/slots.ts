import type { EgressPolicy } from '../model/egress-rule.ts';
import { canonicalAddress } from '../model/egress-rule.ts';

/** What one sandbox may ask at a time, and in the long run. */
export interface SlotLimits {
  /** Whether one more may be answered now; each true is given back by `done`. */
  begin(): boolean;
  done(): void;
}

/** One sandbox, as this process knows it. */
export interface Slot extends SlotLimits {
  /** As the supervisor writes them. */
  sources: readonly string[];
  policy: EgressPolicy;
}

/** Sandboxes that have a network of their own, by the addresses that their packets come from. */
export interface Slots {
  open(sources: readonly string[], policy: EgressPolicy): void;
  close(sources: readonly string[]): void;
  find(source: string): Slot | null;
}

/** A program that asks for more has a loop, or a tunnel. */
const QUERIES_PER_SECOND = 50;
const BURST = 200;
const QUERIES_AT_A_TIME = 64;

export function createSlots(nowMs: () => number): Slots {
  const slots = new Map<string, Slot>();
  return {
    open(sources, { publicAllowed, rules }) {
      const policy = { publicAllowed, rules };
      const slot = { sources, policy, ...createSlotLimits(nowMs) };
      for (const source of sources) slots.set(canonicalAddress(source), slot);
    },
    close(sources) {
      for (const source of sources) slots.delete(canonicalAddress(source));
    },
    find: (source) => slots.get(canonicalAddress(source)) ?? null,
  };
}

export function createSlotLimits(nowMs: () => number): SlotLimits {
  let running = 0;
  let credit = BURST;
  let at = nowMs();
  return {
    begin() {
      const now = nowMs();
      credit = Math.min(BURST, credit + ((now - at) / 1000) * QUERIES_PER_SECOND);
      at = now;
      if (running >= QUERIES_AT_A_TIME || credit < 1) return false;
      credit -= 1;
      running += 1;
      return true;
    },
    done() {
      running -= 1;
    },
  };
}
