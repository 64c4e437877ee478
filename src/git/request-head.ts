/**
 * The beginning of a request body, checked before git sees a byte of it. A push opens with its ref updates
 * (gitprotocol-pack, "Reference Update Request"), a fetch with what it wants.
 */
import { ZERO_OID } from '../model/ref.ts';
import { readPacket } from './packet-line.ts';
import { Refusal } from './refusal.ts';

export interface RefCommand {
  /** As sent: no encoding is certain yet. */
  ref: Buffer;
  oldSha: string;
  newSha: string;
}

export type RequestHead =
  /** A lone flush: git tries whether it is let in before it sends a large body. */
  | ({ kind: 'probe' } & HeadSize)
  | ({ kind: 'fetch' } & HeadSize)
  | ({
      kind: 'push';
      commands: RefCommand[];
      capabilities: string[];
      /** A pack follows: some ref is to be created, or moved. */
      bringsPack: boolean;
    } & HeadSize);

interface HeadSize {
  /** Up to the end of the first packet that git acts upon. */
  openingBytes: number;
  /** Up to the end of the head. */
  bytes: number;
}

const COMMAND = /^([0-9a-f]{40}) ([0-9a-f]{40}) /;
const SHALLOW = /^shallow [0-9a-f]{40}\n?$/;
const WANT = /^want [0-9a-f]{40}[ \n]/;
const OBJECT_FORMAT = 'object-format=';
const NEWLINE = 10;

/** Reads a head as its bytes come in. */
export interface HeadParser {
  /** Takes all bytes so far; null means more are needed. */
  parse(bytes: Buffer): RequestHead | null;
  /** What the client has said so far that it can do. */
  capabilities(): readonly string[];
}

export function createFetchHeadParser(): HeadParser {
  return {
    capabilities: () => [],
    parse(bytes) {
      const packet = readPacket(bytes, 0);
      if (packet === null) return null;
      if (packet.payload === null) return probe(packet.end);
      if (!WANT.test(packet.payload.toString('latin1'))) throw notGit();
      return { kind: 'fetch', openingBytes: packet.end, bytes: packet.end };
    },
  };
}

/** Goes on where it stopped. */
export function createPushHeadParser(): HeadParser {
  const commands: RefCommand[] = [];
  let capabilities: string[] = [];
  let openingBytes = 0;
  let at = 0;
  return {
    capabilities: () => capabilities,
    parse(bytes) {
      for (let packet = readPacket(bytes, at); packet !== null; packet = readPacket(bytes, at)) {
        at = packet.end;
        if (packet.payload === null) {
          if (commands.length > 0) {
            const bringsPack = commands.some(({ newSha }) => newSha !== ZERO_OID);
            return { kind: 'push', commands, capabilities, bringsPack, openingBytes, bytes: at };
          }
          return probe(at);
        }
        if (SHALLOW.test(packet.payload.toString('latin1', 0, 64))) continue;
        if (commands.length === 0) {
          capabilities = capabilitiesOf(packet.payload);
          openingBytes = at;
          requireObjectFormat(capabilities);
        }
        commands.push(commandOf(packet.payload));
      }
      return null;
    },
  };
}

function probe(bytes: number): RequestHead {
  return { kind: 'probe', openingBytes: bytes, bytes };
}

function commandOf(payload: Buffer): RefCommand {
  const match = COMMAND.exec(payload.toString('latin1', 0, 82));
  if (match?.[1] === undefined || match[2] === undefined) throw notGit();
  const zero = payload.indexOf(0);
  // As git does it: one newline at the packet's end is none of the name, one before the capabilities is.
  const end = payload.at(-1) === NEWLINE ? payload.length - 1 : payload.length;
  const line = payload.subarray(0, zero === -1 ? end : zero);
  return { ref: Buffer.from(line.subarray(82)), oldSha: match[1], newSha: match[2] };
}

/** They follow the first command; every client sends some, and the engine reads no command without. */
function capabilitiesOf(payload: Buffer): string[] {
  const zero = payload.indexOf(0);
  if (zero === -1) throw notGit();
  return payload
    .toString('latin1', zero + 1)
    .trim()
    .split(' ');
}

/** git itself says so to nobody but its log. Clients that read the advertisement do not come so far. */
function requireObjectFormat(capabilities: readonly string[]): void {
  const format = capabilities.find((name) => name.startsWith(OBJECT_FORMAT));
  if (format === undefined || format === `${OBJECT_FORMAT}sha1`) return;
  throw new Refusal(400, `repositories here are of sha1; this push has ${format}`);
}

function notGit(): Refusal {
  return new Refusal(400, 'the request is not in the git protocol');
}
