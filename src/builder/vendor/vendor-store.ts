import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as esbuild from 'esbuild';
import type { TracedFiles } from '../trace-packages.ts';
import { itemOf, type PackageImport } from './package-imports.ts';
import type { VendorItem, VendorScript } from './vendor-script.ts';

/** Of code and maps; what was used longest ago is left out. */
const MAX_STORE_BYTES = 32 * 1024 * 1024;
const MAX_HEAD_BYTES = 4 * 1024 * 1024;
const HEAD_LENGTH_BYTES = 4;
/** Next to no time, and a third of the bytes. */
const COMPRESSION_LEVEL = 1;

/** The cache key of the scripts that this builder makes of the installation with the key `installationKey`. */
export function vendorKey(installationKey: string, builderVersion: string): string {
  const parts = ['vendor', installationKey, builderVersion, esbuild.version];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Files of packages that stay outside of scripts. */
export interface FilesBeside {
  /** Repository files by which code requires the packages. */
  entries: readonly string[];
  traced: TracedFiles;
}

/** What builds have made of the packages of one installation; travels in the cache beside it. */
export class VendorStore {
  /** The installation's name: another one from the same lockfile has its own. */
  readonly installation: string;
  /** See ExternalPackages; null when none stays outside. */
  readonly externalsSignature: string | null;
  /** The last used first. */
  #scripts: VendorScript[] = [];
  #beside: FilesBeside[] = [];
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
    const found = this.#scripts.find(({ items }) => areAlike(items, imports));
    if (found === undefined) return null;
    this.#scripts = [found, ...this.#scripts.filter((script) => script !== found)];
    return found;
  }

  addScript(script: VendorScript): void {
    this.#scripts.unshift(script);
    this.#isChanged = true;
  }

  findBeside(entries: readonly string[]): TracedFiles | null {
    const wanted = String(entries);
    return this.#beside.find((known) => String(known.entries) === wanted)?.traced ?? null;
  }

  addBeside(beside: FilesBeside): void {
    this.#beside.unshift(beside);
    this.#isChanged = true;
  }

  encode(): Buffer {
    const contents: Uint8Array[] = [];
    let bytes = 0;
    const fits = (...parts: readonly Uint8Array[]): boolean => {
      bytes += parts.reduce((sum, { length }) => sum + length, 0);
      if (bytes > MAX_STORE_BYTES) return false;
      contents.push(...parts);
      return true;
    };
    const head: Head = {
      installation: this.installation,
      externalsSignature: this.externalsSignature,
      scripts: this.#scripts
        .filter(({ code, map }) => fits(code, map))
        .map(({ code, map, ...rest }) => ({ ...rest, sizes: [code.length, map.length] })),
      beside: this.#beside
        .filter(({ traced }) => fits(...traced.files.map(({ content }) => content)))
        .map(({ entries, traced }) => {
          const files = traced.files.map(({ path, content }) => ({ path, bytes: content.length }));
          return { entries, traced: { ...traced, files } };
        }),
    };
    const text = Buffer.from(JSON.stringify(head));
    const length = Buffer.alloc(HEAD_LENGTH_BYTES);
    length.writeUInt32BE(text.length);
    return zstdCompressSync(Buffer.concat([length, text, ...contents]), {
      params: { [constants.ZSTD_c_compressionLevel]: COMPRESSION_LEVEL },
    });
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
    const maxOutputLength = MAX_STORE_BYTES + MAX_HEAD_BYTES;
    const data = zstdDecompressSync(stored, { maxOutputLength });
    let at = HEAD_LENGTH_BYTES + data.readUInt32BE(0);
    const head = JSON.parse(data.toString('utf8', HEAD_LENGTH_BYTES, at)) as Head;
    const take = (bytes: number): Buffer => {
      at += bytes;
      if (at > data.length) throw new Error('the store ends too early');
      return data.subarray(at - bytes, at);
    };
    const store = new VendorStore(head.installation, head.externalsSignature);
    store.#scripts = head.scripts.map(({ sizes: [code, map], ...rest }) => {
      return { ...rest, code: take(code), map: take(map) };
    });
    store.#beside = head.beside.map(({ entries, traced }) => {
      const files = traced.files.map(({ path, bytes }) => ({ path, content: take(bytes) }));
      return { entries, traced: { ...traced, files } };
    });
    return store;
  }
}

/** What stands in front of the contents, which follow one another in its order. */
interface Head {
  installation: string;
  externalsSignature: string | null;
  scripts: (Omit<VendorScript, 'code' | 'map'> & { sizes: [code: number, map: number] })[];
  beside: {
    entries: readonly string[];
    traced: Omit<TracedFiles, 'files'> & { files: { path: string; bytes: number }[] };
  }[];
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
