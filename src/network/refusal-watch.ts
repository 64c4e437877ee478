/**
 * Looks now and then which sandboxes the filter has refused connections because they, or their app, had as many as they
 * may: its code may have no eye for how a connection failed, and nobody else would tell. A look is a process of its own,
 * so there is none while no sandbox is an app's, and few while not a packet comes out of all of them.
 */
import type { Clock } from '../std/clock.ts';
import { REFUSAL_TEXTS } from './rulesets.ts';

export interface RefusalWatch {
  /** From when a sandbox has become an app's. `log` is the app's. */
  join(slot: string, app: string, log: (text: string) => void): void;
  leave(slot: string): void;
  close(): void;
}

interface RefusalWatchDeps {
  /** The filter's map `refused` as nft prints it; what it prints when it fails has no sandbox in it. */
  read: () => Promise<string>;
  /** Packets that came out of all sandboxes, or null where that cannot be known. */
  packets: () => number | null;
  clock: Clock;
}

const LOOK_AGAIN_MS = 10_000;
/** Without a packet, what is refused are connections to addresses of a sandbox that holds all that it may. */
const LOOK_ANYWAY_MS = 50_000;
/** The log of an app that stays at its limit says so as often. */
const TELL_AGAIN_MS = 60_000;

export function createRefusalWatch({ read, packets, clock }: RefusalWatchDeps): RefusalWatch {
  const slots = new Map<string, { app: string; log: (text: string) => void }>();
  const toldAtMs = new Map<string, number>();
  let isClosed = false;
  let cancelLook: (() => void) | null = null;
  let lastPackets: number | null = null;
  let lookedAtMs = -Infinity;

  function lookLater(): void {
    if (isClosed || cancelLook !== null || slots.size === 0) return;
    cancelLook = clock.after(LOOK_AGAIN_MS, () => {
      void look().finally(() => {
        cancelLook = null;
        lookLater();
      });
    });
  }

  async function look(): Promise<void> {
    const now = clock.monotonicMs();
    const came = packets();
    const isQuiet = came !== null && came === lastPackets;
    if (isQuiet && now - lookedAtMs < LOOK_ANYWAY_MS) return;
    lastPackets = came;
    lookedAtMs = now;
    for (const [app, ms] of toldAtMs) if (now - ms >= TELL_AGAIN_MS) toldAtMs.delete(app);
    for (const [name, text] of readRefusals(await read())) {
      const slot = slots.get(name);
      if (slot === undefined || toldAtMs.has(slot.app)) continue;
      toldAtMs.set(slot.app, now);
      slot.log(text);
    }
  }

  return {
    join(name, app, log) {
      slots.set(name, { app, log });
      lookLater();
    },
    leave: (name) => void slots.delete(name),
    close() {
      isClosed = true;
      cancelLook?.();
    },
  };
}

/** Name of a sandbox and what it ran into: `"s17" expires 52s : 0x00000002`. */
function readRefusals(printed: string): [slot: string, text: string][] {
  const elements = printed.matchAll(/"(s\d+)"[^:,{}]*: (0x[0-9a-f]+)/g);
  return [...elements].flatMap(([, slot = '', reason]): [string, string][] => {
    const text = REFUSAL_TEXTS[Number(reason)];
    return text === undefined ? [] : [[slot, `Connections are refused: ${text}.`]];
  });
}
