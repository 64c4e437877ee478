import { once } from 'node:events';
import https from 'node:https';
import { createServer } from 'node:net';
import tls from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeChallengeCertificate } from '../../../src/certs/challenges/challenge-certificate.ts';
import { getFrom, type ProbeResult, probeTls } from '../../../src/certs/checks/probe.ts';
import { freePort } from '../../support/free-port.ts';
import { listen } from '../../support/listen.ts';

const HOST = 'www.example.com';
const signal = new AbortController().signal;

async function challengeOf(keyAuthorization: string): Promise<{
  kind: 'tls-alpn-01';
  host: string;
  certificate: string;
  key: string;
}> {
  const made = await makeChallengeCertificate(HOST, keyAuthorization);
  return { kind: 'tls-alpn-01', host: HOST, ...made };
}

describe('a probe by tls-alpn-01', () => {
  const challenge = challengeOf('ours');

  async function probe(
    options: tls.TlsOptions,
    shown: 'ours' | 'theirs' = 'ours',
  ): Promise<ProbeResult> {
    const { certificate: cert, key } = await challengeOf(shown);
    const own = shown === 'ours' ? await challenge : { certificate: cert, key };
    const server = tls.createServer({ cert: own.certificate, key: own.key, ...options });
    server.on('tlsClientError', () => {});
    onTestFinished(() => void server.close());
    const port = await listen(server);
    return probeTls('127.0.0.1', { challenge: await challenge, port }, signal);
  }

  const alpn: tls.TlsOptions = { ALPNProtocols: ['acme-tls/1'] };

  it('finds this server by the certificate that was made for it', async () => {
    expect(await probe(alpn)).toEqual({ kind: 'ours' });
  });

  it('takes no other certificate, and no server that knows nothing of it', async () => {
    expect(await probe(alpn, 'theirs')).toEqual({ kind: 'other', what: 'another certificate' });
    expect((await probe({ ALPNProtocols: ['h2'] })).kind).toBe('other');
    expect((await probe({})).kind).toBe('other');
  });

  it('says that nobody is there', async () => {
    const port = await freePort();
    const found = await probeTls('127.0.0.1', { challenge: await challenge, port }, signal);
    expect(found).toMatchObject({ kind: 'unreachable' });
  });

  it('is over when it is given up', async () => {
    const server = createServer();
    onTestFinished(() => void server.close());
    const port = await listen(server);
    const controller = new AbortController();
    const found = probeTls('127.0.0.1', { challenge: await challenge, port }, controller.signal);
    const [socket] = (await once(server, 'connection')) as [tls.TLSSocket];
    controller.abort();
    expect(await found).toEqual({ kind: 'unreachable', why: 'no answer in time' });
    socket.destroy();
  });
});

it('a request behind a redirect names its host to whatever certificate is there', async () => {
  const { certificate: cert, key } = await challengeOf('theirs');
  const seen: unknown[] = [];
  const server = https.createServer({ cert, key }, (request, response) => {
    const { servername } = request.socket as tls.TLSSocket;
    seen.push(servername, request.headers.host, request.url);
    response.end('here');
  });
  onTestFinished(() => void server.close());
  const port = await listen(server);
  const step = await getFrom('127.0.0.1', new URL(`https://${HOST}:${port}/a?b=c`), signal);
  expect(step).toEqual({ status: 200, location: null, body: 'here' });
  expect(seen).toEqual([HOST, `${HOST}:${port}`, '/a?b=c']);
});
