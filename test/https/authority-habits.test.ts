/** What authorities do on ordinary days, each in its own way. */
import { randomBytes, X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { startAnsweredPebble } from '../support/answered-pebble.ts';
import { startCaFaultProxy } from '../support/ca-fault-proxy.ts';
import { createEngine, type Engine, shiftedClock } from '../support/certificate-engine.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { PebbleOptions } from '../support/pebble.ts';

const of = (...names: string[]) => ({ names, appId: null });
const told = (engine: Engine, text: string): Promise<void> =>
  eventually(() => expect(engine.events.join('\n')).toContain(text));

/** Each certificate has come, and nothing was told but that. */
const allIssued = (engine: Engine, count: number): Promise<void> =>
  eventually(() => {
    expect(engine.events.filter((line) => !line.startsWith('issued'))).toEqual([]);
    expect(engine.events).toHaveLength(count);
  }, 50_000);

const KID = 'kid-1';
const HMAC_KEY = randomBytes(32).toString('base64url');

async function startBound(given: { kid: string; hmacKey: string } | null) {
  const { pebble, responder } = await startAnsweredPebble({
    externalAccounts: { [KID]: HMAC_KEY },
  });
  const clock = shiftedClock(0);
  const db = await createDatabase();
  const wanted = [of('bound.example.com')];
  const externalAccounts = given === null ? {} : { [pebble.directory]: given };
  const options = { db, pebble, responder, wanted, clock };
  const engine = await createEngine({ ...options, externalAccounts });
  engine.start();
  return { engine, options, clock };
}

it('binds the account to one that was made elsewhere', async () => {
  const { engine } = await startBound({ kid: KID, hmacKey: HMAC_KEY });
  await allIssued(engine, 1);
});

it.each([
  ['none is given', null, 'externalAccountRequired', 'has no entry'],
  [
    'its key is another',
    { kid: KID, hmacKey: randomBytes(32).toString('base64url') },
    '',
    'is wrong',
  ],
  ['it is unknown', { kid: 'kid-2', hmacKey: HMAC_KEY }, '', 'is wrong'],
])(
  'says which file to mend when an account must be bound and %s, and goes on when it is',
  async (_, given, type, hint) => {
    const { engine, options, clock } = await startBound(given);
    await told(engine, `failed bound.example.com refused: ${type}`);
    const [status] = await engine.keeper.status();
    expect(status?.problem?.hint).toContain('ACME_EAB_FILE');
    expect(status?.problem?.hint).toContain(hint);
    expect(status?.problem?.hint).toContain(options.pebble.directory);
    engine.stop();
    const mended = await createEngine({
      ...options,
      masterKey: engine.masterKey,
      externalAccounts: { [options.pebble.directory]: { kid: KID, hmacKey: HMAC_KEY } },
    });
    clock.shift(2 * 60_000);
    mended.start();
    await allIssued(mended, 1);
  },
);

async function startWith(options: PebbleOptions, names: string[]) {
  const { pebble, responder } = await startAnsweredPebble(options);
  const db = await createDatabase();
  const engine = await createEngine({ db, pebble, responder, wanted: names.map((one) => of(one)) });
  engine.start();
  return { engine, pebble, responder };
}

it.each([5, 90])('has its certificates from who refuses %i of 100 nonces', async (percent) => {
  const names = percent === 5 ? ['a', 'b', 'c', 'd', 'e', 'f'] : ['a', 'b'];
  const { engine, pebble } = await startWith(
    { nonceRejectPercent: percent },
    names.map((name) => `${name}.example.com`),
  );
  await allIssued(engine, names.length);
  expect(pebble.logged(new RegExp(`reject ${percent}% of good nonces`))).toHaveLength(1);
});

it.each([
  [0, [1, 3, 4]],
  [100, [1, 2, 2]],
])(
  'proves what the authority wants proven: with %i of 100 proofs used again, %j challenges',
  async (authzReusePercent, counts) => {
    const { pebble, responder } = await startAnsweredPebble({ authzReusePercent });
    const proxy = await startCaFaultProxy(pebble);
    const directories = [{ url: proxy.directory, stagingUrl: null }];
    const db = await createDatabase();
    const wanted = [of('a.example.com')];
    const engine = await createEngine({ db, pebble, responder, wanted, directories });
    engine.start();
    const later = [of('b.example.com', 'a.example.com'), of('a.example.com')];
    for (const [order, count] of counts.entries()) {
      await allIssued(engine, order + 1);
      expect(proxy.steps.filter((step) => step === 'challenge')).toHaveLength(count);
      wanted.splice(0, 1, ...later.slice(order, order + 1));
      // What is there would do for the last.
      await db.query('DELETE FROM certificates');
      engine.keeper.lookAgain();
    }
    proxy.close();
  },
);

it('takes the chain that the authority gives first, whatever others it has', async () => {
  const { engine, pebble, responder } = await startWith({ alternateRoots: 2 }, ['a.example.com']);
  await allIssued(engine, 1);
  const pem = responder.index.certificates[0]?.chain ?? '';
  const chain = pem.split(/(?=-----BEGIN)/).map((one) => new X509Certificate(one));
  const roots = await Promise.all([0, 1, 2].map((index) => pebble.issuerRoot(index)));
  const signed = roots.map((root) => chain.at(-1)?.verify(new X509Certificate(root).publicKey));
  expect(signed).toEqual([true, false, false]);
});

it('has a certificate for an address', async () => {
  const { engine, responder } = await startWith({}, ['127.0.0.1']);
  await allIssued(engine, 1);
  const [served] = responder.index.certificates;
  expect(served?.names).toEqual(['127.0.0.1']);
  expect(new X509Certificate(served?.chain ?? '').checkIP('127.0.0.1')).toBe('127.0.0.1');
});
