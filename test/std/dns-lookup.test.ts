import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createDnsLookup, type DnsLookup } from '../../src/std/dns-lookup.ts';
import { answerDns, type Zone } from '../support/dns-server.ts';

/** A name server on the loopback that answers as it is told; null is silence. */
async function lookupAt(
  answer: (query: Buffer) => Buffer | null,
  deadlineMs?: number,
): Promise<DnsLookup> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const reply = answer(query);
    if (reply !== null) socket.send(reply, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  const servers = [`127.0.0.1:${socket.address().port}`];
  return createDnsLookup(deadlineMs === undefined ? { servers } : { servers, deadlineMs });
}

const withZone = (zone: Zone): Promise<DnsLookup> => {
  const asked = new Map<string, number>();
  return lookupAt((query) => answerDns(query, zone, asked));
};

describe('DnsLookup', () => {
  it('tells addresses, their lack, and the lack of the name apart', async () => {
    const lookup = await withZone({ 'a.example': ['192.0.2.1'], 'none.example': [] });
    expect(await lookup.addresses('a.example')).toEqual({ kind: 'found', values: ['192.0.2.1'] });
    expect(await lookup.addresses('none.example')).toEqual({ kind: 'none' });
    expect(await lookup.addresses('b.example')).toEqual({ kind: 'unknown-name' });
  });

  it('sees what has changed at once', async () => {
    const lookup = await withZone({ 'a.example': [['192.0.2.1'], ['192.0.2.2']] });
    expect(await lookup.addresses('a.example')).toMatchObject({ values: ['192.0.2.1'] });
    expect(await lookup.addresses('a.example')).toMatchObject({ values: ['192.0.2.2'] });
  });

  it('gives a bounded number of values', async () => {
    const many = Array.from({ length: 220 }, (_, index) => `192.0.2.${index}`);
    const answer = await (await withZone({ 'a.example': many })).addresses('a.example');
    expect(answer.kind === 'found' && answer.values).toHaveLength(200);
  });

  it('is over by its deadline where nobody answers', async () => {
    const lookup = await lookupAt(() => null, 100);
    const reason = 'no name server answered in time';
    expect(await lookup.txt('a.example')).toEqual({ kind: 'failed', reason });
  });

  it('is over when it is given up', async () => {
    const lookup = await lookupAt(() => null);
    const controller = new AbortController();
    const answer = lookup.txt('a.example', controller.signal);
    controller.abort();
    expect(await answer).toMatchObject({ kind: 'failed' });
    expect(await lookup.txt('a.example', controller.signal)).toMatchObject({ kind: 'failed' });
  });

  it.each([
    ['SERVFAIL', 0x8182, /SERVFAIL/],
    ['a refusal', 0x8185, /refused/],
  ])('says what %s means', async (_, flags, reason) => {
    const lookup = await lookupAt((query) => {
      const answer = Buffer.from(query);
      answer.writeUInt16BE(flags, 2);
      return answer;
    });
    const answer = await lookup.caa('a.example');
    expect(answer).toEqual({ kind: 'failed', reason: expect.stringMatching(reason) });
  });
});
