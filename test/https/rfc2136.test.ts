import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createRfc2136, type Rfc2136Settings } from '../../src/certs/dns/rfc2136.ts';
import type { DnsProvider } from '../../src/certs/ports.ts';
import { freePort } from '../support/free-port.ts';
import { type Knot, startKnot } from '../support/knot.ts';
import { listen } from '../support/listen.ts';

const NAME = '_acme-challenge.fn.example.test';
const KEYS = {
  'hmac-sha256': { name: 'acme', algorithm: 'hmac-sha256', secret: randomBytes(32) },
  'hmac-sha512': { name: 'acme', algorithm: 'hmac-sha512', secret: randomBytes(64) },
} as const;
const signal = new AbortController().signal;

describe.each(['hmac-sha256', 'hmac-sha512'] as const)('updates signed by %s', (algorithm) => {
  const key = KEYS[algorithm];
  let knot: Knot;

  beforeAll(async () => {
    const zones = { 'example.test': '_acme-challenge.fn TXT "other"', 'sub.example.test': '' };
    knot = await startKnot({ zones, key });
  });

  afterAll(() => knot.close());

  function provider(
    changes: Partial<Rfc2136Settings> = {},
    nowSeconds?: () => number,
  ): DnsProvider {
    const settings = { host: '127.0.0.1', port: knot.port, key, zone: null, ...changes };
    return createRfc2136(settings, nowSeconds);
  }

  const values = async (name: string): Promise<string[]> => {
    const answer = await knot.lookup.txt(name);
    return answer.kind === 'found' ? answer.values.toSorted() : [];
  };

  it('adds values beside those that are there, and removes its own alone', async () => {
    for (const value of ['one', 'two', 'two']) {
      await provider().add({ name: NAME, value }, signal);
    }
    expect(await values(NAME)).toEqual(['one', 'other', 'two']);
    for (const value of ['one', 'two', 'two']) {
      await provider().remove({ name: NAME, value }, signal);
    }
    expect(await values(NAME)).toEqual(['other']);
  });

  it('finds the closest zone of a name', async () => {
    const name = '_acme-challenge.sub.example.test';
    await provider().add({ name, value: 'one' }, signal);
    expect(await values(name)).toEqual(['one']);
  });

  it('takes values that are longer than one text of DNS', async () => {
    const value = 'x'.repeat(600);
    await provider({ zone: 'example.test' }).add({ name: '_long.example.test', value }, signal);
    expect(await values('_long.example.test')).toEqual([value]);
  });

  it.each([
    ['another secret', { secret: Buffer.alloc(32) }, /BADSIG/, /"secret"/],
    ['a name that the server does not know', { name: 'other' }, /BADKEY/, /"keyName"/],
  ])('says what to change for %s', async (_, changes, message, hint) => {
    const added = provider({ key: { ...key, ...changes } }).add({ name: NAME, value: 'x' }, signal);
    await expect(added).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  it('says by how much the clocks are apart', async () => {
    const late = (): number => Date.now() / 1_000 - 7_200;
    const added = provider({}, late).add({ name: NAME, value: 'x' }, signal);
    await expect(added).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/BADTIME.*apart by 7[12]\d\d s/),
    });
  });

  it('says when the server does not have the zone', async () => {
    const added = provider().add({ name: '_acme-challenge.example.org', value: 'x' }, signal);
    await expect(added).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringContaining('no zone in which _acme-challenge.example.org lies'),
    });
    const named = provider({ zone: 'example.org' });
    await expect(named.add({ name: NAME, value: 'x' }, signal)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(/NOTAUTH|REFUSED|NOTZONE/),
    });
  });
});

describe('a server of updates that is none', () => {
  const settings = { host: '127.0.0.1', key: KEYS['hmac-sha256'], zone: 'example.test' };

  async function answerWith(answer: (query: Buffer) => Buffer | null): Promise<unknown> {
    const server = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data: Buffer) => {
        const message = answer(data);
        if (message === null) socket.destroy();
        else socket.write(message);
      });
    });
    const port = await listen(server);
    onTestFinished(() => void server.close());
    const provider = createRfc2136({ ...settings, port });
    return provider.add({ name: NAME, value: 'x' }, signal).catch((error: unknown) => error);
  }

  /** The query itself as its answer, with other flags. */
  const echo = (query: Buffer, flags: number): Buffer => {
    const answer = Buffer.from(query);
    answer.writeUInt16BE(flags, 4);
    return answer;
  };

  it.each([
    ['closes the connection', () => null, /could not be asked: it closed/],
    ['answers garbage', () => Buffer.from([0, 3, 1, 2, 3]), /no answer of a name server/],
    [
      'answers another question',
      () => Buffer.concat([Buffer.from([0, 12]), Buffer.alloc(12)]),
      /no answer/,
    ],
    [
      'says yes without the right signature',
      (query: Buffer) => echo(query, 0xa800),
      /did not sign/,
    ],
    [
      'says yes without a signature',
      (query: Buffer) => {
        const head = Buffer.alloc(14);
        head.writeUInt16BE(12, 0);
        query.copy(head, 2, 2, 4);
        head.writeUInt16BE(0xa800, 4);
        return head;
      },
      /did not sign/,
    ],
    [
      'announces more records than it has',
      (query: Buffer) => {
        const answer = echo(query, 0xa800);
        answer.writeUInt16BE(200, 12);
        return answer;
      },
      /no answer of a name server/,
    ],
  ])('is not believed when it %s', async (_, answer, message) => {
    expect(await answerWith(answer)).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(message),
    });
  });

  it('is told to be missing', async () => {
    const provider = createRfc2136({ ...settings, port: await freePort() });
    await expect(provider.add({ name: NAME, value: 'x' }, signal)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/could not be asked: connect ECONNREFUSED/),
    });
  });
});
