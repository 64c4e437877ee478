import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import type { TracedFiles } from '../trace-packages.ts';
import { itemOf, type PackageImport } from './package-imports.ts';
import type { VendorItem, VendorScript } from './vendor-script.ts';

/** Compressed; what was used longest ago is left out. */
const MAX_STORE_BYTES = 16 * 1024 * 1024;
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;
const HEAD_LENGTH_BYTES = 4;
const CHUNK_BYTES = 256 * 1024;
/** Next to no time, and a third of the bytes. */
const COMPRESSION_LEVEL = 1;

/** The cache key of the scripts that this builder makes of the installation with the key `installationKey`. */
export function vendorKey(installationKey: string, builderVersion: string): string {
  const parts = ['vendor', installationKey, builderVersion, esbuild.version];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** What builds have made of the packages of one installation; travels in the cache beside it. */
export class VendorStore {
  /** The installation's name: another one from the same lockfile has its own. */
  readonly installation: string;
  /** See ExternalPackages; null when none stays outside. */
  readonly externalsSignature: string | null;
  /** The last used first. */
  #entries: Entry[] = [];
  #isChanged = false;

  constructor(installation: string, externalsSignature: string | null) {
    this.installation = installation;
    this.externalsSignature = externalsSignature;
  }

  /** Whether there is something that the cache does not have. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  /** The script that was made for these imports. */
  findScript(imports: readonly PackageImport[]): VendorScript | null {
    const entry = this.#find(({ script }) => script !== null && areAlike(script.items, imports));
    const [code, map] = entry === null ? [] : unpack(entry);
    if (entry?.script == null || code === undefined || map === undefined) return null;
    return { ...entry.script, code, map };
  }

  addScript({ code, map, ...script }: VendorScript): void {
    this.#add({ script, beside: null, ...pack([code, map]) });
  }

  /** Files of packages that stay outside, which code requires by these repository files. */
  findBeside(entries: readonly string[]): TracedFiles | null {
    const wanted = String(entries);
    const entry = this.#find(({ beside }) => beside !== null && String(beside.entries) === wanted);
    const contents = entry === null ? [] : unpack(entry);
    if (entry?.beside == null || contents.length !== entry.beside.paths.length) return null;
    const files = entry.beside.paths.map((path, index) => {
      return { path, content: contents[index] ?? new Uint8Array() };
    });
    return { kind: 'traced', files, trace: entry.beside.trace };
  }

  addBeside(entries: readonly string[], { files, trace }: TracedFiles): void {
    const beside = { entries, paths: files.map(({ path }) => path), trace };
    this.#add({ script: null, beside, ...pack(files.map(({ content }) => content)) });
  }

  #find(isWanted: (entry: Entry) => boolean): Entry | null {
    const found = this.#entries.find(isWanted);
    if (found === undefined) return null;
    this.#entries = [found, ...this.#entries.filter((entry) => entry !== found)];
    return found;
  }

  #add(entry: Entry): void {
    this.#entries.unshift(entry);
    this.#isChanged = true;
  }

  /** As it travels, in pieces of any size. */
  *encode(): Generator<Buffer> {
    let bytes = 0;
    const kept = this.#entries.filter(({ packed }) => (bytes += packed.length) <= MAX_STORE_BYTES);
    const head: Head = {
      installation: this.installation,
      externalsSignature: this.externalsSignature,
      entries: kept.map(({ packed, ...rest }) => ({ ...rest, bytes: packed.length })),
    };
    const text = Buffer.from(JSON.stringify(head));
    const length = Buffer.alloc(HEAD_LENGTH_BYTES);
    length.writeUInt32BE(text.length);
    for (const part of [length, text, ...kept.map(({ packed }) => packed)]) {
      for (let at = 0; at < part.length; at += CHUNK_BYTES) {
        yield part.subarray(at, at + CHUNK_BYTES);
      }
    }
  }

  /** Null for what is no store, or not all of one. */
  static async read(stored: Readable): Promise<VendorStore | null> {
    try {
      const chunks = (await stored.toArray()) as Buffer[];
      return VendorStore.#decode(Buffer.concat(chunks));
    } catch {
      return null;
    }
  }

  static #decode(stored: Buffer): VendorStore {
    let at = HEAD_LENGTH_BYTES + stored.readUInt32BE(0);
    const head = JSON.parse(stored.toString('utf8', HEAD_LENGTH_BYTES, at)) as Head;
    const store = new VendorStore(head.installation, head.externalsSignature);
    store.#entries = head.entries.map(({ bytes, ...rest }) => {
      at += bytes;
      if (at > stored.length) throw new Error('the store ends too early');
      return { ...rest, packed: stored.subarray(at - bytes, at) };
    });
    return store;
  }
}

/** Some contents, compressed one after another, and what they are: one of the two. */
interface Entry {
  script: Omit<VendorScript, 'code' | 'map'> | null;
  beside: { entries: readonly string[]; paths: string[]; trace: TracedFiles['trace'] } | null;
  /** Of each content, before it was compressed. */
  sizes: number[];
  packed: Buffer;
}

/** What stands in front of all that is packed, which follows in its order. */
interface Head {
  installation: string;
  externalsSignature: string | null;
  entries: (Omit<Entry, 'packed'> & { bytes: number })[];
}

function pack(contents: readonly Uint8Array[]): Pick<Entry, 'sizes' | 'packed'> {
  const packed = zstdCompressSync(Buffer.concat(contents), {
    params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL },
  });
  return { sizes: contents.map(({ length }) => length), packed };
}

/** None when they were spoilt on their way. */
function unpack({ sizes, packed }: Entry): Buffer[] {
  try {
    const data = zstdDecompressSync(packed, { maxOutputLength: MAX_UNPACKED_BYTES });
    let at = 0;
    return sizes.map((size) => data.subarray(at, (at += size)));
  } catch {
    return [];
  }
}

/** Of a CommonJS module all is bundled, whatever of it is named. */
function areAlike(items: readonly VendorItem[], imports: readonly PackageImport[]): boolean {
  return (
    items.length === imports.length &&
    imports.every((wanted) =>
      items.some(
        (item) =>
          itemOf(item) === itemOf(wanted) &&
          (item.format === 'cjs' || String(item.names) === String(wanted.names)),
      ),
    )
  );
}
