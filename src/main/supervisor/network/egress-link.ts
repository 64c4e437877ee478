/**
 * The supervisor's end of the process that answers the DNS of sandboxes: tells it whose packets come from where, and
 * opens the addresses that names of a sandbox's own rules were found to mean. What the process asks is checked
 * against the rules: it parses strangers' bytes, and an answer of a name server must open no other sandbox's way.
 */
import type { ChildProcess } from 'node:child_process';
import { isIP } from 'node:net';
import {
  canonicalAddress,
  type EgressPolicy,
  type EgressRule,
  isWithin,
  mayNameLeadTo,
  readEgressRules,
} from '../../../model/egress-rule.ts';
import type { SlotNetwork } from '../../../network/index.ts';
import type { EgressNotice, OpenEgressRequest } from '../../../protocol/egress.ts';
import { createTurns } from '../../../std/turns.ts';
import { answerTo, parseEgressRequest } from './egress-requests.ts';
import type { ProcessListener } from '../supervised-process.ts';

interface EgressLinkDeps {
  /** The operator's. */
  policy: EgressPolicy;
  /** This machine's, which no name may lead to. */
  ownAddresses: () => ReadonlySet<string>;
  say: (line: string) => void;
}

export interface EgressLink {
  /**
   * From when a sandbox has become one of an app's. `egress` are rules of its fn.json; what the operator does not
   * allow any more is left out.
   * @throws when the filter cannot be changed.
   */
  open(network: SlotNetwork, owner: SlotOwner): Promise<void>;
  close(network: SlotNetwork): void;
  /** To the process, which may be started again at any time. */
  attach(child: ChildProcess): ProcessListener;
}

interface SlotOwner {
  app: string;
  egress: readonly string[];
  /** The app's: it says so while the filter refuses connections because there are too many. */
  log: (text: string) => void;
}

interface OpenSlot {
  app: string;
  network: SlotNetwork;
  rules: readonly EgressRule[];
}

/** Each change of the filter is a process of its own. */
const CHANGES_AT_ONCE = 4;
const WAITING_CHANGES = 64;

export function createEgressLink(deps: EgressLinkDeps): EgressLink {
  /** By each of its addresses. */
  const slots = new Map<string, OpenSlot>();
  const turns = createTurns({ atOnce: CHANGES_AT_ONCE, waiting: WAITING_CHANGES });
  let process: ChildProcess | null = null;

  const notify = (notice: EgressNotice): void => {
    if (process?.connected) process.send(notice, () => {});
  };
  const tell = ({ app, network, rules }: OpenSlot): void =>
    notify({
      type: 'slot-opened',
      app,
      sources: sourcesOf(network),
      rules: [...rules],
      publicAllowed: deps.policy.publicAllowed,
    });

  /** Null when it was opened, else why not. */
  async function carryOut(request: OpenEgressRequest): Promise<string | null> {
    const slot = slots.get(request.source);
    if (slot === undefined) return 'no sandbox has this address';
    const address = canonicalAddress(request.address);
    if (isIP(address) !== isIP(request.source)) return 'an address of the other family';
    if (!mayNameLeadTo(address, deps.ownAddresses())) return 'no name may lead there';
    if (!slot.rules.some((rule) => isNamed(rule) && rule.port === request.port)) {
      return 'no rule of this sandbox says so';
    }
    const { port, seconds } = request;
    const turn = await turns.take(slot.network.file, () =>
      slot.network.open({ address, port, seconds }),
    );
    return turn === null ? 'too much is asked at a time' : turn.done;
  }

  return {
    async open(network, { app, egress, log }) {
      const rules = readEgressRules(egress).filter((rule) => isWithin(rule, deps.policy.rules));
      network.join(app, log);
      await network.allow(rules);
      if (network.isGone()) return;
      const slot = { app, network, rules };
      for (const source of sourcesOf(network)) slots.set(source, slot);
      tell(slot);
    },
    close(network) {
      const sources = sourcesOf(network);
      for (const source of sources) slots.delete(source);
      notify({ type: 'slot-closed', sources });
    },
    attach(child) {
      process = child;
      return {
        ready: () => {
          for (const slot of new Set(slots.values())) tell(slot);
        },
        message: (raw) => {
          const request = parseEgressRequest(raw);
          if (request !== null) {
            void carryOut(request).then((refusal) => notify(answerTo(request, refusal)));
            return;
          }
          deps.say(`egress sent what it may not (${JSON.stringify(raw).slice(0, 200)}): ended`);
          child.kill('SIGKILL');
        },
        ended: () => {
          if (process === child) process = null;
        },
      };
    },
  };
}

function sourcesOf({ addresses }: SlotNetwork): string[] {
  return [addresses.v4, addresses.v6];
}

/** Networks and addresses were opened with the sandbox itself. */
function isNamed({ host }: EgressRule): boolean {
  return isIP(host.split('/')[0] ?? '') === 0;
}
