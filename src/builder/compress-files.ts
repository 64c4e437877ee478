import { promisify } from 'node:util';
import { brotliCompress, brotliDecompressSync, constants, gunzipSync, gzip } from 'node:zlib';

const compressBrotli = promisify(brotliCompress);
const compressGzip = promisify(gzip);

export type Encoding = 'br' | 'gzip';

export interface Sibling {
  path: string;
  /** Null when the file is one of the repository's own. */
  content: Uint8Array | null;
}

/** Path → its compressed siblings. */
type Siblings = Map<string, Partial<Record<Encoding, Sibling>>>;

const ENDINGS: Record<Encoding, string> = { br: '.br', gzip: '.gz' };

/** Formats that are not compressed already. */
const COMPRESSIBLE =
  /\.(html?|css|[cm]?js|json|map|svg|txt|xml|md|csv|wasm|webmanifest|ico|ttf|otf|eot|bmp|rss|atom|ics|geojson|glsl|yaml|yml|toml|pdf)$/i;
/** A smaller file fits into one packet as it is. */
const MIN_BYTES = 1024;
/**
 * Brotli at its best takes a second for each megabyte: what comes first gets that, the rest what is fast, and what is
 * beyond is left to be served as it is. Counted in bytes, not in time, so that the same files give the same bundle.
 */
const BEST_BYTES = 4 * 1024 * 1024;
const COMPRESSED_BYTES = 96 * 1024 * 1024;
const BEST_QUALITY = 11;
const FAST_QUALITY = 5;
const GZIP_LEVEL = 9;

/** Makes the siblings that pay, at most `room` of them; one that the repository has is taken when it is true. */
export async function compressFiles(
  contents: ReadonlyMap<string, Buffer>,
  room: number,
): Promise<{ siblings: Siblings; warnings: string[] }> {
  const siblings: Siblings = new Map();
  const warnings: string[] = [];
  let left = room;
  let bytes = 0;
  for (const [path, content] of contents) {
    const own = ownSiblings(path, contents, warnings);
    siblings.set(path, own);
    if (!isWorthwhile(path, content) || bytes + content.length > COMPRESSED_BYTES) continue;
    bytes += content.length;
    const quality = bytes <= BEST_BYTES ? BEST_QUALITY : FAST_QUALITY;
    for (const encoding of ['br', 'gzip'] as const) {
      const name = path + ENDINGS[encoding];
      if (own[encoding] !== undefined || contents.has(name) || left === 0) continue;
      const compressed = await compress(content, encoding, quality);
      if (compressed.length >= content.length) continue;
      own[encoding] = { path: name, content: compressed };
      left -= 1;
    }
  }
  return { siblings, warnings };
}

function isWorthwhile(path: string, content: Buffer): boolean {
  return content.length >= MIN_BYTES && COMPRESSIBLE.test(path);
}

function ownSiblings(
  path: string,
  contents: ReadonlyMap<string, Buffer>,
  warnings: string[],
): Partial<Record<Encoding, Sibling>> {
  const own: Partial<Record<Encoding, Sibling>> = {};
  for (const encoding of ['br', 'gzip'] as const) {
    const name = path + ENDINGS[encoding];
    const compressed = contents.get(name);
    const content = contents.get(path);
    if (compressed === undefined || content === undefined) continue;
    if (isSame(compressed, content, encoding)) own[encoding] = { path: name, content: null };
    else warnings.push(`${name} is not ${path} compressed, and is not served in its place`);
  }
  return own;
}

/** A sibling that was not made again after a change would serve the old content to most browsers. */
function isSame(compressed: Buffer, content: Buffer, encoding: Encoding): boolean {
  const decompress = encoding === 'br' ? brotliDecompressSync : gunzipSync;
  try {
    return decompress(compressed, { maxOutputLength: Math.max(1, content.length) }).equals(content);
  } catch {
    return false; // Torn, of another format, or longer than the file.
  }
}

async function compress(content: Buffer, encoding: Encoding, quality: number): Promise<Buffer> {
  if (encoding === 'gzip') return compressGzip(content, { level: GZIP_LEVEL });
  return compressBrotli(content, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_SIZE_HINT]: content.length,
    },
  });
}
