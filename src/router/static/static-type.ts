/** What a file's name says of it: its media type, and whether what it names can ever change. */

const TEXT = '; charset=utf-8';
const UNKNOWN = 'application/octet-stream';

/** By extension, as IANA registers them; text is UTF-8, as everything in a repository is taken to be. */
const TYPES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    '7z': 'application/x-7z-compressed',
    aac: 'audio/aac',
    apng: 'image/apng',
    atom: 'application/atom+xml',
    avif: 'image/avif',
    bin: UNKNOWN,
    bmp: 'image/bmp',
    bz2: 'application/x-bzip2',
    cjs: `text/javascript${TEXT}`,
    css: `text/css${TEXT}`,
    csv: `text/csv${TEXT}`,
    doc: 'application/msword',
    docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    eot: 'application/vnd.ms-fontobject',
    epub: 'application/epub+zip',
    flac: 'audio/flac',
    geojson: 'application/geo+json',
    gif: 'image/gif',
    glb: 'model/gltf-binary',
    gltf: 'model/gltf+json',
    gz: 'application/gzip',
    heic: 'image/heic',
    htm: `text/html${TEXT}`,
    html: `text/html${TEXT}`,
    ico: 'image/x-icon',
    ics: `text/calendar${TEXT}`,
    jpeg: 'image/jpeg',
    jpg: 'image/jpeg',
    js: `text/javascript${TEXT}`,
    json: 'application/json',
    jsonld: 'application/ld+json',
    jxl: 'image/jxl',
    m3u8: 'application/vnd.apple.mpegurl',
    m4a: 'audio/mp4',
    m4v: 'video/mp4',
    map: 'application/json',
    markdown: `text/markdown${TEXT}`,
    md: `text/markdown${TEXT}`,
    mid: 'audio/midi',
    mjs: `text/javascript${TEXT}`,
    mov: 'video/quicktime',
    mp3: 'audio/mpeg',
    mp4: 'video/mp4',
    mpd: 'application/dash+xml',
    mpeg: 'video/mpeg',
    oga: 'audio/ogg',
    ogg: 'audio/ogg',
    ogv: 'video/ogg',
    opus: 'audio/ogg',
    otf: 'font/otf',
    pdf: 'application/pdf',
    png: 'image/png',
    pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
    rss: 'application/rss+xml',
    rtf: 'application/rtf',
    sh: `text/plain${TEXT}`,
    svg: 'image/svg+xml',
    tar: 'application/x-tar',
    tif: 'image/tiff',
    tiff: 'image/tiff',
    toml: 'application/toml',
    ts: 'video/mp2t',
    ttf: 'font/ttf',
    txt: `text/plain${TEXT}`,
    vcf: `text/vcard${TEXT}`,
    vtt: `text/vtt${TEXT}`,
    wasm: 'application/wasm',
    wav: 'audio/wav',
    weba: 'audio/webm',
    webm: 'video/webm',
    webmanifest: 'application/manifest+json',
    webp: 'image/webp',
    woff: 'font/woff',
    woff2: 'font/woff2',
    xhtml: 'application/xhtml+xml',
    xls: 'application/vnd.ms-excel',
    xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    xml: 'application/xml',
    xsl: 'application/xslt+xml',
    yaml: 'application/yaml',
    yml: 'application/yaml',
    zip: 'application/zip',
  }),
);

/** Always asked for again, which costs a 304 as long as it has not changed. */
export const REVALIDATED = 'public, max-age=0, must-revalidate';
/** A year, the most that RFC 9111 caches are expected to honour. */
const FOREVER = 'public, max-age=31536000, immutable';

/** What bundlers put before the extension: `main.3f2a1b9c.js`, `index-BmVf1c2A.css`, `3f2a1b9c.chunk.js`. */
const LAST_PART = /[.\-_]([A-Za-z0-9_-]+)(?:\.(?:bundle|chunk|min))?\.[a-z0-9]+(?:\.map)?$/;
/**
 * Hashes as they are written, each with how often capitals, small letters and digits take turns in it at least: in
 * names that people give, such as `face2024`, `DSC23456` and `iPhone15`, they do so less often.
 */
const HASHES: readonly { form: RegExp; minTurns: number }[] = [
  // webpack, Next.js, Parcel and others: hexadecimal digits.
  { form: /^[0-9a-f]{8,64}$/, minTurns: 2 },
  // esbuild and Angular: base32.
  { form: /^[A-Z2-7]{8}$/, minTurns: 2 },
  // Vite, Rollup and Astro: eight of base64url.
  { form: /^(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_-]{8}$/, minTurns: 4 },
];
const RUN = /[A-Z]+|[a-z]+|[0-9]+|[_-]+/g;
/** A page's address is what people keep: it stays, whatever it shows. */
const PAGE = /\.(?:x?html?|xml|txt|json|webmanifest)$/;

export function contentType(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return (name.includes('.') ? TYPES.get(extension) : undefined) ?? UNKNOWN;
}

/**
 * A name with a content hash in it is cached for ever. Missing one costs a revalidation; mistaking a name for one
 * would leave browsers with an old file for a year, so a part counts only when no person would write it.
 */
export function cacheControl(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (PAGE.test(name)) return REVALIDATED;
  const stem = LAST_PART.exec(name)?.[1] ?? '';
  return hashCandidates(stem).some(isHash) ? FOREVER : REVALIDATED;
}

/** After the last separator; and, since base64url may hold separators itself, the eight characters after any. */
function hashCandidates(stem: string): string[] {
  const isEightApart = stem.length === 8 || /[-_]/.test(stem.at(-9) ?? '');
  const last = stem.split(/[-_]/).at(-1) ?? '';
  return isEightApart ? [last, stem.slice(-8)] : [last];
}

function isHash(part: string): boolean {
  const turns = (part.match(RUN)?.length ?? 0) - 1;
  return HASHES.some(({ form, minTurns }) => turns >= minTurns && form.test(part));
}
