/**
 * What a push says of its pack before the pack comes (gitformat-pack):
 *
 *     "PACK" | version, 4 bytes | how many objects follow, 4 bytes
 *
 * git takes a pack of exactly so many objects, or nothing of it: what announces too many need not be read to be refused.
 * Options of the push stand before it, in packets up to a flush (gitprotocol-pack, "Push Options").
 */
import { readPacket } from './packet-line.ts';
import { Refusal } from './refusal.ts';

export interface PackHeader {
  /** Bytes of the request before the pack. */
  at: number;
  objects: number;
}

/** Reads what follows the head of a push as its bytes come in. */
export interface PackHeaderParser {
  /** Takes all bytes so far; null means more are needed. @throws Refusal for what git would not take for a pack */
  parse(bytes: Buffer): PackHeader | null;
}

const SIGNATURE = 'PACK';
const COUNT_AT = 8;
const HEADER_BYTES = 12;

/** Goes on where it stopped. The bytes begin at `offset` of the request, and its head ends at `headBytes`. */
export function createPackHeaderParser(
  { offset, headBytes }: { offset: number; headBytes: number },
  maxBytesBefore: number,
): PackHeaderParser {
  let at = headBytes - offset;
  let hasOptions = false;
  return {
    parse(bytes) {
      while (bytes.length >= at + SIGNATURE.length) {
        if (bytes.toString('latin1', at, at + SIGNATURE.length) === SIGNATURE) {
          if (bytes.length < at + HEADER_BYTES) return null;
          return { at: offset + at, objects: bytes.readUInt32BE(at + COUNT_AT) };
        }
        if (hasOptions) throw new Refusal(400, 'the request is not in the git protocol');
        const packet = readPacket(bytes, at);
        const end = packet?.end ?? bytes.length;
        if (offset + end > maxBytesBefore) throw optionsTooLarge(maxBytesBefore);
        if (packet === null) return null;
        hasOptions = packet.payload === null;
        at = packet.end;
      }
      return null;
    },
  };
}

/** Of more objects every later repack and fetch of the repository would have to know, however few bytes they have. */
export function refuseTooManyObjects({ objects }: PackHeader, max: number): void {
  if (objects <= max) return;
  const text = `the push has ${objects.toLocaleString('en')} objects; ${max.toLocaleString('en')} are taken at a time.`;
  const hint = 'Push a long history in parts: git push REMOTE OLDER_COMMIT:refs/heads/BRANCH';
  throw new Refusal(413, `${text}\n${hint}`);
}

function optionsTooLarge(maxBytes: number): Refusal {
  const mib = maxBytes / 1024 ** 2;
  return new Refusal(413, `the refs and options of the push have more than ${mib} MiB together.`);
}
