/**
 * The networks of sandboxes: made ahead in batches, because a batch takes tens of milliseconds that no cold start
 * should wait for; each used by one sandbox and then taken away.
 */
import { PlatformError } from '../protocol/errors.ts';
import type { EgressRule } from '../model/egress-rule.ts';
import { systemClock } from '../std/clock.ts';
import type { AddressPair } from './address-plan.ts';
import { createAppMarks } from './app-marks.ts';
import { openedElement, rangeElements } from './elements.ts';
import { type RouterPolicy, uplinkName } from './rulesets.ts';
import { countPackets } from './count-packets.ts';
import { createRefusalWatch } from './refusal-watch.ts';
import { readScript, runScript } from './run-script.ts';
import {
  addSlotsScript,
  type EndedSlot,
  markScript,
  openRangesScript,
  openScript,
  refusedScript,
  removeSlotsScript,
  type ScriptContext,
  setUpScript,
  type SlotPlace,
  tearDownScript,
} from './scripts.ts';

/** Made at a time. */
const BATCH = 8;
/** Kept ready: as many cold starts at one instant wait for nothing. */
const READY = 24;
/** Of a cold start, when all are taken and none can be made. */
const LEASE_DEADLINE_MS = 10_000;
const RETRY_MS = 1_000;
/** Sandboxes often end together. */
const REMOVE_PAUSE_MS = 100;
/** Addresses that the names of one deployment's rules mean, at a time. */
const MAX_OPENED = 256;

interface SlotNetworksDeps {
  context: ScriptContext;
  say: (line: string) => void;
}

export interface SlotNetwork {
  /** Whoever enters this network namespace is in it. */
  readonly file: string;
  readonly addresses: AddressPair;
  /** Has what it takes count as this app's, whose log says what is refused of it. To be called once. */
  join(app: string, log: (text: string) => void): void;
  /** Lets through what these rules name as addresses or networks. @throws when the filter cannot be changed. */
  allow(rules: readonly EgressRule[]): Promise<void>;
  /** Lets new connections to an address through for a time. Null when it is done, else why it is not. */
  open(target: { address: string; port: number | null; seconds: number }): Promise<string | null>;
  /** To be called when its sandbox has gone; again does nothing. */
  close(): void;
  isGone(): boolean;
}

export interface SlotNetworks {
  /** @throws PlatformError `busy` when none was free in time. */
  lease(): Promise<SlotNetwork>;
  /** To be called when every sandbox has gone: leaves nothing behind. */
  close(): Promise<void>;
}

type Waiting = (place: SlotPlace) => void;

/** @throws PlatformError `sandbox-failed` when this machine lets us make no networks. */
export async function createSlotNetworks(
  deps: SlotNetworksDeps,
  policy: RouterPolicy,
): Promise<SlotNetworks> {
  const { context, say } = deps;
  const { plan, folder } = context;
  const run = (script: string): Promise<string | null> => runScript(context.tools.sh, script);

  const marks = createAppMarks({
    write: async (elements) => (state.isClosed ? null : run(markScript(context, elements))),
    say,
  });
  const refusals = createRefusalWatch({
    read: () => readScript(context.tools.sh, refusedScript(context)),
    packets: () => countPackets(uplinkName(plan.block)),
    clock: systemClock,
  });
  const ready: SlotPlace[] = [];
  const waiting = new Set<Waiting>();
  const inUse = new Set<string>();
  const ended: EndedSlot[] = [];
  let index = 0;
  const state = { isClosed: false };
  let making: Promise<void> | null = null;
  let removing: Promise<void> | null = null;

  /** A sandbox that lives long keeps its address while all others have their turns. */
  function nextPlace(): SlotPlace {
    for (;;) {
      const name = `s${index % plan.slots}`;
      const addresses = plan.slot(index);
      index += 1;
      if (inUse.has(name)) continue;
      inUse.add(name);
      return { name, addresses };
    }
  }

  async function makeBatch(): Promise<string | null> {
    if (inUse.size > plan.slots - BATCH) return 'every address is in use';
    const places = Array.from({ length: BATCH }, nextPlace);
    const problem = await run(addSlotsScript(context, places));
    if (problem === null) {
      ready.push(...places);
      for (const give of waiting) {
        const place = ready.shift();
        if (place === undefined) break;
        give(place);
      }
    } else {
      for (const place of places) retire({ ...place, opened: [], ranges: [] });
    }
    return problem;
  }

  function refill(): void {
    making ??= keepFilling().finally(() => (making = null));
  }

  async function keepFilling(): Promise<void> {
    while (!state.isClosed && ready.length - waiting.size < READY) {
      const problem = await makeBatch();
      if (problem === null) continue;
      say(`networks of sandboxes cannot be made: ${problem}`);
      await pause(RETRY_MS);
    }
  }

  function retire(slot: EndedSlot): void {
    ended.push(slot);
    removing ??= removeEnded().finally(() => (removing = null));
  }

  async function removeEnded(): Promise<void> {
    while (ended.length > 0) {
      await pause(REMOVE_PAUSE_MS);
      if (state.isClosed) return; // All goes at once.
      const slots = ended.splice(0);
      if ((await remove(slots)) === null) continue;
      for (const slot of slots) {
        const problem = await remove([slot]);
        if (problem === null) continue;
        // Whoever got its addresses next would reach what was opened for it: they stay out of use.
        say(`the network ${slot.name} of a sandbox that has gone cannot be removed: ${problem}`);
      }
    }
  }

  async function remove(slots: readonly EndedSlot[]): Promise<string | null> {
    const problem = await run(removeSlotsScript(context, slots));
    // An interface or a file may have stayed of a batch that failed: who takes its name next stumbles, and removes it.
    if (problem === null) for (const { name } of slots) inUse.delete(name);
    return problem;
  }

  async function takePlace(): Promise<SlotPlace> {
    const place = ready.shift();
    refill();
    if (place !== undefined) return place;
    return new Promise((resolve, reject) => {
      const give: Waiting = (given) => {
        clearTimeout(timer);
        waiting.delete(give);
        resolve(given);
      };
      const timer = setTimeout(() => {
        waiting.delete(give);
        reject(new PlatformError('busy', 'no network is free for a sandbox'));
      }, LEASE_DEADLINE_MS);
      waiting.add(give);
      refill();
    });
  }

  function networkAt(place: SlotPlace): SlotNetwork {
    const opened = new Set<string>();
    const ranges: string[] = [];
    const changes = new Set<Promise<unknown>>();
    let joined: string | null = null;
    let isGone = false;
    const untilDone = <Result>(work: Promise<Result>): Promise<Result> => {
      const changing = work.finally(() => changes.delete(changing));
      changes.add(changing);
      return changing;
    };
    const change = (script: string): Promise<string | null> => untilDone(run(script));
    return {
      file: `${folder}/${place.name}`,
      addresses: place.addresses,
      join: (app, log) => {
        if (isGone) return;
        joined = app;
        refusals.join(place.name, app, log);
        const { elements, written } = marks.join(place.name, app);
        for (const element of elements) opened.add(element);
        void untilDone(written);
      },
      allow: async (rules) => {
        const elements = rangeElements(place.addresses, rules);
        if (elements.length === 0 || isGone) return;
        ranges.push(...elements);
        const problem = await change(openRangesScript(context, elements));
        if (problem !== null) throw new Error(`the filter cannot be changed: ${problem}`);
      },
      open: async ({ seconds, ...target }) => {
        const element = openedElement(place.addresses, target);
        if (isGone) return 'the sandbox has gone';
        if (!opened.has(element) && opened.size >= MAX_OPENED) return 'too many addresses are open';
        opened.add(element);
        return change(openScript(context, element, seconds));
      },
      isGone: () => isGone,
      close: () => {
        if (isGone) return;
        isGone = true;
        if (joined !== null) marks.leave(joined);
        refusals.leave(place.name);
        void Promise.all(changes).then(() => retire({ ...place, opened: [...opened], ranges }));
      },
    };
  }

  const problem = (await run(setUpScript(context, policy))) ?? (await makeBatch());
  if (problem !== null) {
    state.isClosed = true;
    await run(tearDownScript(context));
    throw new PlatformError('sandbox-failed', `sandboxes get no network: ${problem}`);
  }
  refill();
  return {
    lease: async () => networkAt(await takePlace()),
    close: async () => {
      state.isClosed = true;
      refusals.close();
      await Promise.all([making, removing]);
      await run(tearDownScript(context));
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}
