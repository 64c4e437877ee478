import type { ChildProcess } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { createEgressLink } from '../../../../src/main/supervisor/network/egress-link.ts';
import type { SlotNetwork } from '../../../../src/network/index.ts';
import type { EgressNotice } from '../../../../src/protocol/egress.ts';
import { readEgressRules } from '../../../../src/model/egress-rule.ts';
import { eventually } from '../../../support/eventually.ts';

const OWN = '203.0.113.9';

/** A sandbox's network that writes down what it is asked to open, and waits as long as it is told. */
function createNetwork(last: number, until: Promise<void> = Promise.resolve()) {
  const opened: string[] = [];
  const network: SlotNetwork = {
    file: `/networks/s${last}`,
    addresses: { v4: `198.18.0.${last}`, v6: `fd67:6974:666e::${last}` },
    join: (app) => void opened.push(`for ${app}`),
    allow: async (rules) => void opened.push(`${rules.length} rules`),
    open: async ({ address, port }) => {
      await until;
      opened.push(`${address} ${port}`);
      return null;
    },
    close: () => {},
    isGone: () => false,
  };
  return { network, opened };
}

function openLink() {
  const said: string[] = [];
  const link = createEgressLink({
    policy: { publicAllowed: true, rules: readEgressRules(['*.internal:5432', '10.0.0.0/8:*']) },
    ownAddresses: () => new Set([OWN]),
    say: (line) => void said.push(line),
  });
  const startProcess = () => {
    const notices: EgressNotice[] = [];
    const signals: string[] = [];
    const child = {
      connected: true,
      send: (notice: EgressNotice) => void notices.push(notice),
      kill: (signal: string) => void signals.push(signal),
    };
    const listener = link.attach(child as unknown as ChildProcess);
    const answers = (): EgressNotice[] =>
      notices.filter(({ type }) => type === 'egress-opened' || type === 'egress-refused');
    const ask = (request: object): void => listener.message(request as never);
    return { listener, notices, signals, answers, ask };
  };
  return { link, said, startProcess };
}

const REQUEST = {
  type: 'open-egress',
  request: 1,
  source: '198.18.0.20',
  address: '10.1.2.3',
  port: 5432,
  seconds: 60,
};
const log = (): void => {};
const OWNER = {
  app: 'shop',
  egress: ['db.internal:5432', '10.0.0.7:80', 'not.allowed:1'],
  log,
};
const OTHER = { app: 'other', egress: [], log };

describe('the link to the process that answers sandboxes', () => {
  it('tells a process that was started again of every sandbox that is there', async () => {
    const { link, startProcess } = openLink();
    const [one, two] = [createNetwork(20), createNetwork(21)];
    const first = startProcess();
    await link.open(one.network, OWNER);
    await link.open(two.network, OTHER);
    expect(one.opened).toEqual(['for shop', '2 rules']);
    link.close(two.network);
    expect(first.notices.map(({ type }) => type)).toEqual([
      'slot-opened',
      'slot-opened',
      'slot-closed',
    ]);
    first.listener.ended();
    // Nobody hears this one.
    const three = createNetwork(22);
    await link.open(three.network, { ...OTHER, app: 'late' });
    const second = startProcess();
    expect(second.notices).toEqual([]);
    second.listener.ready?.();
    expect(second.notices).toMatchObject([
      { type: 'slot-opened', app: 'shop', sources: ['198.18.0.20', 'fd67:6974:666e::20'] },
      { type: 'slot-opened', app: 'late', rules: [] },
    ]);
    expect(first.notices).toHaveLength(3);
    // The end of the first is heard late: the second stays.
    first.listener.ended();
    second.ask(REQUEST);
    await eventually(() => second.answers().length === 1);
    expect(second.answers()).toEqual([{ type: 'egress-opened', request: 1 }]);
  });

  it.each([
    ['another sandbox', { source: '198.18.0.21' }, 'no rule of this sandbox says so'],
    ['nobody', { source: '198.18.0.99' }, 'no sandbox has this address'],
    ['a port that no rule with a name has', { port: 80 }, 'no rule of this sandbox says so'],
    ['every port', { port: null }, 'no rule of this sandbox says so'],
    ['this machine', { address: OWN }, 'no name may lead there'],
    ['its metadata', { address: '169.254.169.254' }, 'no name may lead there'],
  ])('opens nothing for %s', async (_, change, reason) => {
    const { link, startProcess } = openLink();
    const [one, two] = [createNetwork(20), createNetwork(21)];
    await link.open(one.network, OWNER);
    await link.open(two.network, OTHER);
    const { ask, answers } = startProcess();
    ask({ ...REQUEST, ...change });
    await eventually(() => answers().length === 1);
    expect(answers()).toEqual([{ type: 'egress-refused', request: 1, reason }]);
    expect([one.opened.length, two.opened.length]).toEqual([2, 2]);
  });

  it('has so much wait for one sandbox and no more, and another’s goes on', async () => {
    const { link, startProcess } = openLink();
    const hold = Promise.withResolvers<void>();
    const [slow, other] = [createNetwork(20, hold.promise), createNetwork(21)];
    await link.open(slow.network, OWNER);
    await link.open(other.network, OWNER);
    const { ask, answers } = startProcess();
    for (let request = 1; request <= 100; request++) ask({ ...REQUEST, request });
    ask({ ...REQUEST, request: 101, source: '198.18.0.21' });
    await eventually(() => answers().some(({ type }) => type === 'egress-opened'));
    expect(answers()).toContainEqual({ type: 'egress-opened', request: 101 });
    const refused = answers().filter(({ type }) => type === 'egress-refused');
    // One is under way, and 64 wait.
    expect(refused).toHaveLength(35);
    hold.resolve();
    await eventually(() => answers().length === 101);
  });

  it('ends a process that asks for what no correct one does', () => {
    const { said, startProcess } = openLink();
    const { ask, signals } = startProcess();
    ask({ ...REQUEST, address: 'db.internal' });
    expect([signals, said.length]).toEqual([['SIGKILL'], 1]);
  });
});
