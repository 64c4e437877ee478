/** Dynamic updates (RFC 2136) over TCP, signed by a key that the name server has as well (RFC 8945). */
import { randomInt } from 'node:crypto';
import net from 'node:net';
import type { DnsProvider, TxtRecord } from '../ports.ts';
import {
  type AnswerHead,
  DNS_CLASS,
  DNS_OPCODE,
  DNS_TYPE,
  encodeMessage,
  encodeText,
  readHead,
  type WireMessage,
  type WireRecord,
} from './dns-wire.ts';
import { providerFailed, settingsRefused } from './provider-error.ts';
import { checkAnswer, signMessage, type TsigCheck, type TsigKey } from './tsig.ts';

export interface Rfc2136Settings {
  /** The zone's primary server: a name or an address. */
  host: string;
  port: number;
  key: TsigKey;
  /** Null: the server is asked in which zone a name lies. */
  zone: string | null;
}

const TTL_SECONDS = 60;
const DEADLINE_MS = 10_000;
const LENGTH_BYTES = 2;

/** RFC 1035 section 4.1.1 and RFC 2136 section 2.2. */
const CODE = { OK: 0, NO_NAME: 3, UNKNOWN: 4, REFUSED: 5, NOT_AUTHORITATIVE: 9, NOT_IN_ZONE: 10 };
/** With which a server answers a question for a zone that it does not have. */
const NOT_HERE: readonly number[] = [CODE.NO_NAME, CODE.REFUSED, CODE.NOT_AUTHORITATIVE];

/** @param nowSeconds since 1970 */
export function createRfc2136(
  settings: Rfc2136Settings,
  nowSeconds: () => number = () => Date.now() / 1_000,
): DnsProvider {
  const where = `${settings.host}:${settings.port}`;

  /** Resolves to the answer, whatever it says; one that says yes is signed. */
  async function ask(message: Omit<WireMessage, 'id'>, signal: AbortSignal): Promise<AnswerHead> {
    const id = randomInt(0x1_0000);
    const signed = signMessage(encodeMessage({ ...message, id }), settings.key, nowSeconds());
    const answer = await exchange(settings, signed.message, signal);
    const head = readHead(answer);
    if (head === null || !head.isResponse || head.id !== id) throw oddAnswer(where);
    const check = readSignature(answer, signed.mac);
    if (check.kind === 'refused') throw keyRefused(settings, check, nowSeconds());
    // A refusal that is not signed may be anybody's, and is still the most useful thing to show.
    if (head.code === CODE.OK && check.kind !== 'good') throw unsigned(settings);
    return head;
  }

  function readSignature(answer: Buffer, requestMac: Buffer): TsigCheck {
    try {
      const { key } = settings;
      return checkAnswer(answer, { key, requestMac, nowSeconds: nowSeconds() });
    } catch (error) {
      if (error instanceof RangeError) throw oddAnswer(where);
      throw error;
    }
  }

  /** The closest name above that has a SOA record of its own at this server. */
  async function findZone(name: string, signal: AbortSignal): Promise<string> {
    if (settings.zone !== null) return settings.zone;
    const labels = name.split('.');
    for (let start = 0; start < labels.length; start++) {
      const zone = labels.slice(start).join('.');
      const question = { name: zone, type: DNS_TYPE.SOA };
      const head = await ask({ opcode: DNS_OPCODE.QUERY, question, updates: [] }, signal);
      if (head.code === CODE.OK && head.isAuthoritative && head.answers > 0) return zone;
      if (head.code !== CODE.OK && !NOT_HERE.includes(head.code)) {
        throw codeRefused(settings, head.code, zone);
      }
    }
    throw settingsRefused(
      `${where} tells of no zone in which ${name} lies`,
      'Name the primary server of the zone as "server" in FN_DNS_PROVIDER_FILE; where the key may update but not query, name the zone as "zone".',
    );
  }

  async function update(record: WireRecord, signal: AbortSignal): Promise<void> {
    const zone = await findZone(record.name, signal);
    const question = { name: zone, type: DNS_TYPE.SOA };
    const head = await ask({ opcode: DNS_OPCODE.UPDATE, question, updates: [record] }, signal);
    if (head.code !== CODE.OK) throw codeRefused(settings, head.code, zone);
  }

  return {
    name: 'rfc2136',
    // Both leave other values of the name alone (RFC 2136 sections 2.5.1 and 2.5.4), and may be said twice.
    add: (record, signal) =>
      update({ ...txt(record), ofClass: DNS_CLASS.IN, ttl: TTL_SECONDS }, signal),
    remove: (record, signal) => update({ ...txt(record), ofClass: DNS_CLASS.NONE, ttl: 0 }, signal),
  };
}

function txt({ name, value }: TxtRecord): Pick<WireRecord, 'name' | 'type' | 'data'> {
  return { name, type: DNS_TYPE.TXT, data: encodeText(value) };
}

/** One message and its answer, each with its length before it (RFC 1035 section 4.2.2). */
function exchange(
  { host, port }: Rfc2136Settings,
  message: Buffer,
  signal: AbortSignal,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const where = `${host}:${port}`;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]);
    const socket = net.connect({ host, port, signal: deadline });
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(message.length, 0);
    socket.write(Buffer.concat([length, message]));
    let received = Buffer.alloc(0);
    // Never more than the 64 KiB that the length can say, and what one read brings.
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < LENGTH_BYTES) return;
      const end = LENGTH_BYTES + received.readUInt16BE(0);
      if (received.length < end) return;
      socket.destroy();
      resolve(received.subarray(LENGTH_BYTES, end));
    });
    socket.on('error', (error) => reject(unreachable(where, error)));
    // Does nothing to a promise that has its answer.
    socket.on('close', () => reject(unreachable(where, new Error('it closed the connection'))));
  });
}

function unreachable(where: string, error: Error): Error {
  const isLate = error.name === 'AbortError' || error.name === 'TimeoutError';
  const what = isLate ? `no answer within ${DEADLINE_MS / 1_000} s` : error.message;
  return providerFailed(
    `the name server ${where} could not be asked: ${what}`,
    `Look whether this machine reaches ${where} by TCP; it is tried again by itself.`,
    error,
  );
}

function oddAnswer(where: string): Error {
  return providerFailed(
    `${where} sent what is no answer of a name server`,
    'Correct "server" in FN_DNS_PROVIDER_FILE; it is the zone\'s primary name server.',
  );
}

function unsigned({ host, port, key }: Rfc2136Settings): Error {
  return providerFailed(
    `${host}:${port} did not sign its answer with the key "${key.name}"`,
    'Give the server this key with the algorithm and the secret that FN_DNS_PROVIDER_FILE has; look at the clocks of both.',
  );
}

/** RFC 8945 section 5.2. */
function keyRefused(
  { host, port, key }: Rfc2136Settings,
  { why, serverTime }: Extract<TsigCheck, { kind: 'refused' }>,
  now: number,
): Error {
  const message = `${host}:${port} does not accept the signature (${why})`;
  if (why === 'BADTIME') {
    const apart = serverTime === null ? '' : ` by ${Math.round(Math.abs(serverTime - now))} s`;
    return providerFailed(
      `${message}: its clock and this one are apart${apart}`,
      'Set both by NTP; they may be five minutes apart.',
    );
  }
  const about = `"${key.name}" (${key.algorithm})`;
  return settingsRefused(
    message,
    why === 'BADKEY'
      ? `Give the server the key ${about}, or correct "keyName" and "algorithm" in FN_DNS_PROVIDER_FILE.`
      : `The secret of ${about} is not the server's: correct "secret" in FN_DNS_PROVIDER_FILE.`,
  );
}

function codeRefused({ host, port, key }: Rfc2136Settings, code: number, zone: string): Error {
  const where = `${host}:${port}`;
  if (code === CODE.REFUSED) {
    return settingsRefused(
      `${where} refused to change ${zone} (REFUSED)`,
      `Allow the key "${key.name}" to update TXT records of ${zone} (BIND: update-policy; Knot: acl with action update).`,
    );
  }
  if (code === CODE.NOT_AUTHORITATIVE || code === CODE.NOT_IN_ZONE) {
    return settingsRefused(
      `${where} does not have the zone ${zone} (${code === CODE.NOT_IN_ZONE ? 'NOTZONE' : 'NOTAUTH'})`,
      'Name its primary server as "server" in FN_DNS_PROVIDER_FILE, and correct or leave out "zone".',
    );
  }
  const name = code === CODE.UNKNOWN ? 'NOTIMP: it takes no updates' : `code ${code}`;
  return providerFailed(
    `${where} did not change ${zone} (${name})`,
    "The server's log says why; it is tried again by itself.",
  );
}
