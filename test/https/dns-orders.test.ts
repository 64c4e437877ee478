import { randomBytes, X509Certificate } from 'node:crypto';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRfc2136 } from '../../src/certs/dns/rfc2136.ts';
import type { TsigKey } from '../../src/certs/dns/tsig.ts';
import { createDnsChallenges } from '../../src/certs/challenges/dns-challenge.ts';
import { createProbes } from '../../src/certs/checks/open-probes.ts';
import { createPreCheck } from '../../src/certs/checks/pre-check.ts';
import type { PreCheck } from '../../src/certs/ports.ts';
import { createEngine, type Engine, type EngineOptions } from '../support/certificate-engine.ts';
import {
  type ChallengeResponder,
  startChallengeResponder,
} from '../support/challenge-responder.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Knot, startKnot } from '../support/knot.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';

const KEY = { name: 'acme', algorithm: 'hmac-sha256', secret: randomBytes(32) } as const;
/** Of the loopback: one is this server, at the other another answers. */
const [HERE, ELSEWHERE] = ['127.0.0.1', '127.0.0.2'];
let knot: Knot;
let pebble: Pebble;
let responder: ChallengeResponder;
let stranger: http.Server;

beforeAll(async () => {
  knot = await startKnot({
    zones: {
      test: [
        `here A ${HERE}`,
        `elsewhere A ${ELSEWHERE}`,
        `forbidden A ${HERE}`,
        'forbidden CAA 0 issue "other.example"',
        `allowed A ${HERE}`,
        'allowed CAA 0 issue "ca.example"',
        'locked CAA 0 issue "ca.example"',
        'locked CAA 0 issuewild ";"',
        'apart TXT "no address"',
      ].join('\n'),
      'delegated.test': '',
      'alias.test': '_acme-challenge CNAME _here',
    },
    key: KEY,
  });
  pebble = await startPebble({ nameServerPort: knot.port });
  responder = await startChallengeResponder(pebble);
  stranger = http.createServer((_, response) => void response.writeHead(404).end('not here'));
  await new Promise<void>((resolve) => void stranger.listen(pebble.httpPort, ELSEWHERE, resolve));
});

afterAll(async () => {
  stranger.close();
  responder.close();
  await pebble.close();
  await knot.close();
});

const ownAddresses = (): Set<string> => new Set([HERE, ELSEWHERE]);

/** As control makes it, with the ports of this machine; Pebble does not say which names CAA has for it. */
const preCheck: NonNullable<EngineOptions['preCheck']> = ({ db, publisher }): PreCheck => {
  const made = createPreCheck(
    { lookup: knot.lookup, openProbes: createProbes({ db, publisher }), ownAddresses },
    {
      controlHost: 'here.test',
      ipAddresses: [],
      ports: { http: pebble.httpPort, https: pebble.tlsPort },
      dnsPort: knot.port,
    },
  );
  return {
    check: (planned, authority, signal) =>
      made.check(planned, { ...authority, caaNames: ['ca.example'] }, signal),
  };
};

async function engineOf(wanted: string[][], options: Partial<EngineOptions> = {}): Promise<Engine> {
  const db = await createDatabase();
  const certificates = wanted.map((names) => ({ names, appId: null }));
  const engine = await createEngine({
    db,
    pebble,
    responder,
    wanted: certificates,
    preCheck,
    baseDomain: 'test',
    ...options,
  });
  engine.start();
  return engine;
}

/** Errors of taking away what was not set may come before it. */
async function failureOf({ events }: Engine): Promise<string> {
  return eventually(() => {
    const failed = events.find((line) => line.startsWith('failed'));
    if (failed === undefined) throw new Error('nothing has failed');
    return failed;
  });
}

describe('a wildcard by RFC 2136', () => {
  const withKnot = (key: TsigKey = KEY): Partial<EngineOptions> => {
    const settings = { host: HERE, port: knot.port, key, zone: null };
    const { provider, seen } = createDnsChallenges(
      { provider: createRfc2136(settings), lookup: knot.lookup, ownAddresses },
      { port: knot.port, pollMs: 50, deadlineMs: 1_000 },
    );
    return { provider, seen };
  };

  it.each([
    ['in a zone of its own', 'delegated.test', '_acme-challenge.delegated.test'],
    ['whose challenges an alias delegates', 'alias.test', '_here.alias.test'],
  ])('%s is signed with its base, and leaves no record behind', async (_, base, at) => {
    const engine = await engineOf([[base, `*.${base}`]], withKnot());
    await eventually(() => expect(engine.events).toEqual([`issued ${base}`]));
    const [served] = responder.index.certificates;
    const names = new X509Certificate(served?.chain ?? '').subjectAltName;
    expect(names?.split(', ').toSorted()).toEqual([`DNS:*.${base}`, `DNS:${base}`]);
    expect((await knot.lookup.txt(at)).kind).not.toBe('found');
  });

  it('of somebody’s own domain is signed beside a base that is proven by its port', async () => {
    const names = ['here.test', '*.here.test'];
    const engine = await engineOf([names], { ...withKnot(), baseDomain: 'example.com' });
    await eventually(() => expect(engine.events).toEqual(['issued here.test']));
  });

  it('is told to have a key that the server does not accept', async () => {
    const key = { ...KEY, secret: Buffer.alloc(32) };
    const base = 'unsigned.delegated.test';
    const engine = await engineOf([[base, `*.${base}`]], withKnot(key));
    await failureOf(engine);
    expect(await engine.keeper.status()).toMatchObject([
      {
        problem: {
          code: 'dns-provider',
          message: expect.stringMatching(/^rfc2136 did not set .* \(BADSIG\)$/),
          hint: expect.stringContaining('correct "secret" in FN_DNS_PROVIDER_FILE'),
        },
      },
    ]);
  });

  it('is told not to be seen where the zone is another', async () => {
    const deaf = { name: 'deaf', add: async () => {}, remove: async () => {} };
    const base = 'unseen.delegated.test';
    const engine = await engineOf([[base, `*.${base}`]], { ...withKnot(), provider: deaf });
    expect(await failureOf(engine)).toMatch(
      /dns-provider: rfc2136 took .*, and ns\.delegated\.test did not/,
    );
  });

  it('is not ordered where CAA forbids wildcards', async () => {
    const engine = await engineOf([['locked.test', '*.locked.test']], withKnot());
    expect(await failureOf(engine)).toMatch(/failed locked\.test caa-forbids: .*issuewild ";"/);
    expect(pebble.logged(/locked\.test/)).toEqual([]);
  });
});

describe('names that cannot be proven', () => {
  const NAMES = ['here', 'elsewhere', 'forbidden', 'missing', 'apart', 'allowed'];

  it('cost no order, say what to change, and hold up no other', async () => {
    const engine = await engineOf(NAMES.map((name) => [`${name}.test`]));
    await eventually(() => expect(engine.events.length).toBeGreaterThanOrEqual(NAMES.length));
    expect(engine.events.filter((line) => line.startsWith('issued')).toSorted()).toEqual([
      'issued allowed.test',
      'issued here.test',
    ]);
    const statuses = await engine.keeper.status();
    const problems = statuses.map(({ names, problem }) => {
      return problem && `${names[0]} ${problem.code}: ${problem.message}. ${problem.hint}`;
    });
    expect(problems).toEqual([
      null,
      expect.stringMatching(
        /^elsewhere\.test points-elsewhere: .*127\.0\.0\.2, .* 404 "not here"\. /,
      ),
      expect.stringMatching(
        /^forbidden\.test caa-forbids: .* Add the record: forbidden\.test\. CAA 0 issue "ca\.example"$/,
      ),
      expect.stringMatching(
        /^missing\.test unknown-name: .*NXDOMAIN\. Make an A or AAAA record of missing\.test/,
      ),
      expect.stringMatching(/^apart\.test points-elsewhere: .*neither an A nor an AAAA record/),
      null,
    ]);
    // No probe stays behind, and none of the refused has come to the authority.
    expect(responder.index.challenges).toEqual([]);
    expect(pebble.logged(/(elsewhere|forbidden|missing|apart)\.test/)).toEqual([]);
    // Each is tried again by itself.
    for (const { problem, nextAttempt } of statuses) {
      if (problem !== null) expect(nextAttempt).toBeGreaterThan(Date.now());
    }
  });
});
