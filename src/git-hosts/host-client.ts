import https from 'node:https';
import { isIP } from 'node:net';
import { rootCertificates } from 'node:tls';
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { pinHost } from './host-address.ts';
import { isTrouble, waitMsOf, type HostAnswer } from './host-answer.ts';
import type { HostAccess } from './ports.ts';

/** Calls of a host's API: each with a deadline and a bounded answer, none redirected, all at a pinned address. */
export interface HostClient {
  /** @throws PlatformError unavailable when there is no answer, or none but that the host has trouble */
  call(request: HostRequest, signal: AbortSignal): Promise<HostAnswer>;
}

export interface HostRequest {
  method: 'POST' | 'PUT' | 'PATCH';
  url: URL;
  headers: Record<string, string>;
  body: unknown;
}

const CALL_DEADLINE_MS = 10_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const TRIES = 3;
const FIRST_WAIT_MS = 500;
/** Longer is for the queue. */
const MAX_WAIT_MS = 10_000;

export function createHostClient(access: HostAccess, clock: Clock): HostClient {
  const ca = access.roots === null ? undefined : [...rootCertificates, access.roots];

  async function once(request: HostRequest, signal: AbortSignal): Promise<HostAnswer> {
    const address = await pinHost(request.url, access);
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(CALL_DEADLINE_MS)]);
    return send(request, { address, ca, signal: deadline });
  }

  return {
    async call(request, signal) {
      for (let attempt = 1; ; attempt++) {
        const answer = await once(request, signal);
        if (!isTrouble(answer)) return answer;
        const askedMs = waitMsOf(answer, clock.now());
        const waitMs = askedMs ?? FIRST_WAIT_MS * 2 ** (attempt - 1);
        if (attempt === TRIES || waitMs > MAX_WAIT_MS) {
          throw inTrouble(request.url, answer, askedMs);
        }
        await new Promise<void>((resolve) => clock.after(waitMs, resolve));
      }
    },
  };
}

interface Sending {
  address: string;
  ca: string[] | undefined;
  signal: AbortSignal;
}

async function send(request: HostRequest, { address, ca, signal }: Sending): Promise<HostAnswer> {
  const { method, url, headers, body } = request;
  const content = JSON.stringify(body);
  const family = address.includes(':') ? 6 : 4;
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(unreachable(url, error));
    const sent = https.request(
      {
        host: address,
        ...(isIP(url.hostname) === 0 && { servername: url.hostname }),
        port: url.port || 443,
        path: `${url.pathname}${url.search}`,
        method,
        headers: {
          ...headers,
          host: url.host,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(content),
          'user-agent': 'gitfn',
        },
        ...(ca !== undefined && { ca }),
        family,
        agent: false,
        signal,
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) response.destroy(new Error('the answer is too long'));
          else chunks.push(chunk);
        });
        response.on('error', fail);
        response.on('end', () => {
          const { statusCode: status = 0, headers: told } = response;
          resolve({ status, text: Buffer.concat(chunks).toString(), headers: told });
        });
      },
    );
    sent.on('error', fail);
    sent.end(content);
  });
}

function unreachable({ host }: URL, cause: Error): PlatformError {
  return new PlatformError('unavailable', `${host} cannot be reached: ${cause.message}`, {
    hint: 'see whether it is up; it is tried again by itself',
    cause,
  });
}

function inTrouble({ host }: URL, { status }: HostAnswer, askedMs: number | null): PlatformError {
  return new PlatformError('unavailable', `${host} answered ${status}`, {
    hint: 'see whether it has an outage, or too many requests of this token; it is tried again by itself',
    ...(askedMs !== null && { retryAfterS: Math.ceil(askedMs / 1_000) }),
  });
}
