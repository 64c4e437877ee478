/** What the git client of one release sends, and what it is answered: one file each in test/fixtures/git-requests. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

export const RECORDINGS = join(import.meta.dirname, '../../fixtures/git-requests');

export interface RecordedRequest {
  /** The release and the command. */
  origin: string;
  method: string;
  url: string;
  /** But for those that name the connection, the length, and who asks. */
  headers: Record<string, string>;
  /** Whether it bore a token: old clients ask without one first. */
  isAuthorized: boolean;
  /** In base64. */
  body: string;
  answer: AnswerInShort;
}

/** What of an answer is the same wherever it is given. */
export interface AnswerInShort {
  status: number;
  /** Of an advertisement: `<object> <name>`. Of a push: the lines of its report. Of a fetch: how many objects it brings. */
  lines: string[];
}

export function readRecordings(): { name: string; requests: RecordedRequest[] }[] {
  return readdirSync(RECORDINGS)
    .filter((name) => name.endsWith('.json'))
    .map((name) => ({
      name: name.slice(0, -'.json'.length),
      requests: JSON.parse(readFileSync(join(RECORDINGS, name), 'utf8')) as RecordedRequest[],
    }));
}

/** As git reads it. */
export function bodyOf({ headers, body }: RecordedRequest): Buffer {
  const bytes = Buffer.from(body, 'base64');
  return headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
}

export function inShort(
  url: string,
  { status, body }: { status: number; body: Buffer },
): AnswerInShort {
  if (status !== 200) return { status, lines: [] };
  if (url.includes('/info/refs')) return { status, lines: advertisedRefs(body) };
  return { status, lines: url.endsWith('git-upload-pack') ? packOf(body) : reportOf(body) };
}

const HEADER_BYTES = 4;

/** The payloads of pkt-lines, up to what is none, such as a pack. */
function packets(bytes: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const digits = bytes.toString('latin1', at, at + HEADER_BYTES);
    const length = Number.parseInt(digits, 16);
    if (!/^[0-9a-f]{4}$/.test(digits)) break;
    if (length >= HEADER_BYTES) found.push(bytes.subarray(at + HEADER_BYTES, at + length));
    at += Math.max(length, HEADER_BYTES);
  }
  return found;
}

function advertisedRefs(body: Buffer): string[] {
  return packets(body)
    .map((line) => line.toString().split('\0')[0]?.trim() ?? '')
    .filter((line) => /^[0-9a-f]{40} /.test(line));
}

const BAND = { data: 1, error: 3 } as const;

/** The lines of the report, which stand in the first band where the client reads bands; words of the third band, too. */
function reportOf(body: Buffer): string[] {
  const parts = packets(body);
  const ofBand = (band: number): Buffer =>
    Buffer.concat(parts.filter(([first]) => first === band).map((part) => part.subarray(1)));
  const hasBands = parts.some(([first]) => first === BAND.data || first === BAND.error);
  const report = hasBands ? packets(ofBand(BAND.data)) : parts;
  const lines = report.map((line) => line.toString().trim());
  const error = ofBand(BAND.error).toString().trim();
  return error === '' ? lines : [...lines, error];
}

const PACK = Buffer.from('PACK');
const COUNT_OFFSET = 8;

function packOf(body: Buffer): string[] {
  const at = body.indexOf(PACK);
  return at === -1 ? [] : [`${body.readUInt32BE(at + COUNT_OFFSET)} objects`];
}
