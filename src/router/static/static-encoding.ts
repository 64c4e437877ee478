/** Which of the forms in which a file is stored a client gets: RFC 9110 section 12.5.3. */

export type Encoding = 'br' | 'gzip' | 'identity';

/** Of those that a client likes equally the first is taken: it is the smallest. */
const PREFERENCE: readonly Encoding[] = ['br', 'gzip', 'identity'];

const QUALITY = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;
/** What a client does not name it still takes uncompressed, but likes less than all that it names. */
const UNNAMED_IDENTITY = 0.0001;

/** Browsers send the same few again and again. */
const MEMO_ENTRIES = 256;
const MEMO_CHARACTERS = 256;
const memo = new Map<string, ReadonlyMap<string, number>>();

/**
 * `accepted` is the Accept-Encoding header, undefined when there is none; `stored` tells which compressed forms there
 * are. A client that refuses all of them gets the file as it is: better than 406, as the RFC allows.
 */
export function chooseEncoding(
  accepted: string | undefined,
  stored: { readonly br?: unknown; readonly gzip?: unknown },
): Encoding {
  if (accepted === undefined || (stored.br === undefined && stored.gzip === undefined)) {
    return 'identity';
  }
  const qualities = qualitiesOf(accepted);
  let best: Encoding = 'identity';
  let bestQuality = 0;
  for (const encoding of PREFERENCE) {
    if (encoding !== 'identity' && stored[encoding] === undefined) continue;
    const quality = qualityOf(qualities, encoding);
    if (quality <= bestQuality) continue;
    best = encoding;
    bestQuality = quality;
  }
  return best;
}

function qualityOf(qualities: ReadonlyMap<string, number>, encoding: Encoding): number {
  const named = qualities.get(encoding) ?? qualities.get('*');
  return named ?? (encoding === 'identity' ? UNNAMED_IDENTITY : 0);
}

function qualitiesOf(header: string): ReadonlyMap<string, number> {
  const known = memo.get(header);
  if (known !== undefined) return known;
  const qualities = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const coding = name === 'x-gzip' ? 'gzip' : name;
    if (coding !== '' && !qualities.has(coding)) qualities.set(coding, readQuality(parameters));
  }
  if (header.length <= MEMO_CHARACTERS) {
    if (memo.size >= MEMO_ENTRIES) memo.clear();
    memo.set(header, qualities);
  }
  return qualities;
}

/** One that cannot be read accepts nothing. */
function readQuality(parameters: readonly string[]): number {
  const parameter = parameters.find((one) => one.startsWith('q='));
  if (parameter === undefined) return 1;
  const match = QUALITY.exec(parameter);
  return match === null ? 0 : Number(match[1]);
}
