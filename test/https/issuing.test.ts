import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DnsProvider, TxtRecord, WantedCertificate } from '../../src/certs/ports.ts';
import { createEngine, type Engine, type EngineOptions } from '../support/certificate-engine.ts';
import {
  type ChallengeResponder,
  startChallengeResponder,
} from '../support/challenge-responder.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';

let pebble: Pebble;
let responder: ChallengeResponder;

beforeAll(async () => {
  pebble = await startPebble();
  responder = await startChallengeResponder(pebble);
});

afterAll(async () => {
  responder.close();
  await pebble.close();
});

const of = (...names: string[]): WantedCertificate => ({ names, appId: null });

async function engineOf(
  wanted: WantedCertificate[],
  options: Partial<EngineOptions> = {},
): Promise<Engine> {
  const db = await createDatabase();
  const engine = await createEngine({ db, pebble, responder, wanted, ...options });
  engine.start();
  return engine;
}

function challtestsrvProvider(records: TxtRecord[] = []): DnsProvider & { records: TxtRecord[] } {
  return {
    name: 'challtestsrv',
    records,
    async add(record) {
      records.push(record);
      await pebble.dns('/set-txt', { host: `${record.name}.`, value: record.value });
    },
    async remove({ name, value }) {
      const index = records.findIndex((one) => one.name === name && one.value === value);
      records.splice(index, 1);
      if (!records.some((one) => one.name === name)) {
        await pebble.dns('/clear-txt', { host: `${name}.` });
      }
    },
  };
}

async function issued(engine: Engine, count = 1): Promise<X509Certificate[]> {
  await eventually(() => expect(engine.events.length).toBeGreaterThanOrEqual(count));
  expect(engine.events.map((line) => line.split(' ')[0])).toEqual(Array(count).fill('issued'));
  return responder.index.certificates.map(({ chain }) => new X509Certificate(chain));
}

it('proves a name by http-01, and leaves no answer behind', async () => {
  const engine = await engineOf([of('a.example.com', 'b.example.com')]);
  const [certificate] = await issued(engine);
  expect(certificate?.subjectAltName).toBe('DNS:a.example.com, DNS:b.example.com');
  const [served] = responder.index.certificates;
  expect(responder.index.challenges).toEqual([]);
  expect(await engine.sealedKeys.list()).toEqual([served?.id]);
  expect(await engine.keeper.status()).toMatchObject([{ state: 'valid', problem: null }]);
});

it('proves an apex and its wildcard by dns-01', async () => {
  const provider = challtestsrvProvider();
  const engine = await engineOf([of('example.net', '*.example.net')], { provider });
  const [certificate] = await issued(engine);
  expect(certificate?.subjectAltName).toContain('DNS:*.example.net');
  expect(provider.records).toEqual([]);
});

it('does not try a wildcard without a DNS provider, and says what is missing', async () => {
  const engine = await engineOf([of('example.org', '*.example.org'), of('c.example.org')]);
  await eventually(() => expect(engine.events).toContain('issued c.example.org'));
  expect(await engine.keeper.status()).toMatchObject([
    {
      state: 'failing',
      problem: { code: 'no-challenge', hint: expect.stringContaining('FN_DNS_PROVIDER') },
    },
    { state: 'valid' },
  ]);
});
