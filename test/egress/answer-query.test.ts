import { describe, expect, it } from 'vitest';
import { answerQuery } from '../../src/egress/answer-query.ts';
import {
  addressData,
  addressOf,
  DNS_CODE,
  DNS_TYPE,
  type DnsRecord,
} from '../../src/egress/dns-message.ts';
import { readHosts } from '../../src/egress/hosts-file.ts';
import { readEgressRules } from '../../src/model/egress-rule.ts';
import { parseIpAddress } from '../../src/std/ip-address.ts';

const OWN = new Set(['10.0.0.5']);

interface Case {
  rules?: string[];
  publicAllowed?: boolean;
  hosts?: string;
  refuse?: boolean;
  type?: number;
}

/** What a sandbox with these rules is told when the name servers answer with these addresses. */
async function ask(name: string, upstream: string[], how: Case = {}) {
  const asked: string[] = [];
  const opened: string[] = [];
  const type = how.type ?? DNS_TYPE.A;
  const answer = await answerQuery(
    { name, type },
    { publicAllowed: how.publicAllowed ?? true, rules: readEgressRules(how.rules ?? []) },
    {
      upstream: async (question) => {
        asked.push(question.name);
        const answers = upstream.map((address) => record(name, address, 5));
        const isResponse = true;
        return {
          id: 1,
          isResponse,
          isTruncated: false,
          code: 0,
          question,
          answers,
          authority: [],
          udpBytes: null,
        };
      },
      hosts: () => readHosts(how.hosts ?? ''),
      ownAddresses: () => OWN,
      open: async (address, port, seconds) => {
        opened.push(`${address}:${port ?? '*'} ${seconds}`);
        return how.refuse !== true;
      },
    },
  );
  return {
    code: answer.code,
    told: answer.answers.map(addressOf),
    asked,
    opened,
    reason: answer.reason,
  };
}

function record(name: string, text: string, ttl: number): DnsRecord {
  const address = parseIpAddress(text);
  if (address === null) throw new Error(text);
  const type = address.family === 4 ? DNS_TYPE.A : DNS_TYPE.AAAA;
  return { name, type, ttl, data: addressData(address) };
}

describe('a name without a rule', () => {
  it('leads to public addresses, without anything being opened', async () => {
    expect(await ask('example.com', ['8.8.8.8', '2606:4700::1111'])).toMatchObject({
      code: DNS_CODE.OK,
      told: ['8.8.8.8', '2606:4700::1111'],
      opened: [],
      reason: null,
    });
  });

  it.each([
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '198.18.0.1',
    '::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    'fe80::1',
  ])('is not told to lead to %s', async (address) => {
    const { told, opened, reason } = await ask('rebind.example.com', ['8.8.8.8', address]);
    expect({ told, opened }).toEqual({ told: ['8.8.8.8'], opened: [] });
    expect(reason).toMatchObject({ code: 17 });
  });

  it.each([
    'db',
    'db.internal',
    'printer.local',
    'localhost',
    'a.localhost',
    'nas.home.arpa',
    'x.corp',
    'DB.Internal.',
  ])('of this machine’s own networks is not even looked up: %s', async (name) => {
    expect(await ask(name, ['8.8.8.8'])).toMatchObject({
      code: DNS_CODE.NO_NAME,
      asked: [],
      told: [],
    });
  });

  it('is not looked up in the machine’s own table', async () => {
    const hosts = '8.8.4.4 example.com';
    expect(await ask('example.com', ['8.8.8.8'], { hosts })).toMatchObject({ told: ['8.8.8.8'] });
  });

  it('is nobody’s where public addresses are off, unless a network is open', async () => {
    const off = { publicAllowed: false };
    expect(await ask('example.com', ['8.8.8.8'], off)).toMatchObject({
      code: DNS_CODE.NO_NAME,
      asked: [],
    });
    const rules = ['10.0.0.0/8:443'];
    expect(await ask('example.com', ['8.8.8.8', '10.0.0.1'], { ...off, rules })).toMatchObject({
      told: ['10.0.0.1'],
      opened: [],
    });
  });

  it('of an address’s is looked up for public addresses alone', async () => {
    const type = DNS_TYPE.PTR;
    expect((await ask('8.8.8.8.in-addr.arpa', [], { type })).asked).toHaveLength(1);
    const six = `${'0.'.repeat(31)}2.ip6.arpa`;
    expect((await ask(six, [], { type })).asked).toHaveLength(1);
    for (const name of [
      '1.0.0.10.in-addr.arpa',
      '1.0.0.127.in-addr.arpa',
      `1.${'0.'.repeat(31)}ip6.arpa`,
      '1.in-addr.arpa',
      'x.ip6.arpa',
    ]) {
      expect(await ask(name, [], { type })).toMatchObject({ code: DNS_CODE.NO_NAME, asked: [] });
    }
  });

  it.each([255, 252, 251, DNS_TYPE.SOA, DNS_TYPE.OPT])('is refused by type %i', async (type) => {
    expect(await ask('example.com', [], { type })).toMatchObject({
      code: DNS_CODE.REFUSED,
      asked: [],
    });
  });
});

describe('a name with a rule', () => {
  const rules = ['db.internal:5432', 'db.internal:6432', '*.partner.com:*'];

  it('has its address opened for each port before it is told', async () => {
    const answer = await ask('DB.internal', ['10.0.0.9'], { rules });
    expect(answer.told).toEqual(['10.0.0.9']);
    expect(answer.opened.toSorted()).toEqual(['10.0.0.9:5432 60', '10.0.0.9:6432 60']);
  });

  it('is not told an address that could not be opened', async () => {
    expect(await ask('db.internal', ['10.0.0.9'], { rules, refuse: true })).toMatchObject({
      told: [],
    });
  });

  it.each(['127.0.0.1', '169.254.169.254', '10.0.0.5', '::1', '198.18.0.3'])(
    'cannot be pointed to %s',
    async (address) => {
      expect(await ask('db.internal', [address], { rules })).toMatchObject({
        told: [],
        opened: [],
      });
    },
  );

  it('may be known to the machine’s own table alone', async () => {
    const hosts = '# comment\n10.0.0.7 db.internal DB2 # more\n10.0.0.8\tdb.internal\n';
    const answer = await ask('db.internal', [], { rules, hosts });
    expect(answer).toMatchObject({ told: ['10.0.0.7', '10.0.0.8'], asked: [] });
  });

  it('is found below a domain', async () => {
    expect(await ask('a.b.partner.com', ['10.0.0.9'], { rules })).toMatchObject({
      opened: ['10.0.0.9:* 60'],
    });
    expect(await ask('partner.com', ['10.0.0.9'], { rules })).toMatchObject({
      told: [],
      opened: [],
    });
  });

  it('opens public addresses where they are off', async () => {
    const off = { rules, publicAllowed: false };
    expect(await ask('db.internal', ['8.8.8.8'], off)).toMatchObject({ told: ['8.8.8.8'] });
  });

  it('opens a few addresses, however many are answered', async () => {
    const many = Array.from({ length: 200 }, (_, index) => `10.1.0.${index}`);
    expect((await ask('db.internal', many, { rules })).told.length).toBeLessThanOrEqual(16);
  });
});
