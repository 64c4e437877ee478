/**
 * Asks one address for a challenge, as a certificate authority will: http-01 by HTTP at port 80, redirects followed to
 * the ports 80 and 443 alone (RFC 8555 section 8.3), tls-alpn-01 by its protocol at port 443 (RFC 8737). Each connection goes to an
 * address that the caller has looked at, never to a name.
 */
import { X509Certificate } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import type { AcmeChallenge } from '../../protocol/certificates.ts';

export type ProbeResult =
  | { kind: 'ours' }
  /** Somebody answered, and it was not us: what came instead. */
  | { kind: 'other'; what: string }
  /** Nobody answered: why. */
  | { kind: 'unreachable'; why: string };

export interface ProbePorts {
  http: number;
  https: number;
}

const STEP_DEADLINE_MS = 5_000;
/** A key authorization is a token and a hash: some hundred characters. */
const MAX_BODY_BYTES = 4 * 1024;
const ALPN = 'acme-tls/1';

type Http01 = Extract<AcmeChallenge, { kind: 'http-01' }>;
type TlsAlpn01 = Extract<AcmeChallenge, { kind: 'tls-alpn-01' }>;

export interface HttpStep {
  status: number;
  location: string | null;
  body: string;
}

export function challengeUrl({ host, token }: Http01, port: number): URL {
  return new URL(`http://${bracketed(host)}:${port}/.well-known/acme-challenge/${token}`);
}

/** One request to one address; a redirect is told, not followed. */
export function getFrom(address: string, url: URL, signal: AbortSignal): Promise<HttpStep> {
  const isHttps = url.protocol === 'https:';
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(STEP_DEADLINE_MS)]);
  return new Promise((resolve, reject) => {
    const request = (isHttps ? https : http).get(
      {
        host: address,
        port: url.port || (isHttps ? 443 : 80),
        path: url.pathname + url.search,
        headers: { host: url.host, 'user-agent': 'gitfn (looks whether this name leads to it)' },
        agent: false,
        signal: deadline,
        // Authorities take any certificate behind a redirect: what is asked for is public, and the answer is compared.
        ...(isHttps
          ? { rejectUnauthorized: false, servername: isIP(hostname) === 0 ? hostname : '' }
          : {}),
      },
      (response) => readBody(response, resolve),
    );
    request.on('error', reject);
  });
}

/** As much as counts; a body that goes on for longer is cut off with its connection. */
function readBody(response: http.IncomingMessage, resolve: (step: HttpStep) => void): void {
  let body = Buffer.alloc(0);
  const finish = (): void => {
    const { statusCode = 0, headers } = response;
    resolve({
      status: statusCode,
      location: headers.location ?? null,
      body: body.toString('utf8'),
    });
    response.destroy();
  };
  response.on('data', (chunk: Buffer) => {
    body = Buffer.concat([body, chunk]).subarray(0, MAX_BODY_BYTES);
    if (body.length === MAX_BODY_BYTES) finish();
  });
  response.on('end', finish);
  response.on('error', finish);
}

/** The certificate that is shown for the challenge's protocol must be the one that was made for it. */
export function probeTls(
  address: string,
  { challenge, port }: { challenge: TlsAlpn01; port: number },
  signal: AbortSignal,
): Promise<ProbeResult> {
  const wanted = new X509Certificate(challenge.certificate).fingerprint256;
  return new Promise((resolve) => {
    const socket = tls.connect({
      host: address,
      port,
      servername: challenge.host,
      ALPNProtocols: [ALPN],
      // It is signed by itself; it is compared with ours.
      rejectUnauthorized: false,
    });
    let isConnected = false;
    const settle = (result: ProbeResult): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(result);
    };
    const giveUp = (): void => settle({ kind: 'unreachable', why: 'no answer in time' });
    const timer = setTimeout(giveUp, STEP_DEADLINE_MS);
    signal.addEventListener('abort', giveUp, { once: true });
    socket.on('connect', () => (isConnected = true));
    socket.on('error', (error) =>
      settle(
        isConnected
          ? { kind: 'other', what: `a TLS server that refuses ${ALPN}` }
          : { kind: 'unreachable', why: error.message },
      ),
    );
    socket.on('secureConnect', () => {
      const isOurs =
        socket.alpnProtocol === ALPN && socket.getPeerCertificate().fingerprint256 === wanted;
      settle(isOurs ? { kind: 'ours' } : { kind: 'other', what: 'another certificate' });
    });
  });
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
