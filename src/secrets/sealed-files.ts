import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SealedEnvironment } from '../model/environment.ts';
import { writingTo } from '../protocol/full-disk.ts';
import { writeFileAtomically } from '../std/atomic-file.ts';
import { KeyedMutex } from '../std/mutex.ts';
import type { MasterKeys } from './master-keys.ts';
import {
  openCertificateKey,
  openEnvironment,
  sealCertificateKey,
  sealEnvironment,
} from './sealed.ts';

/** Sealed files of one kind, as control writes them, by the id of what each belongs to. */
interface SealedFolder<Content> {
  seal(id: string, content: Content): Promise<void>;
  /** Null when there is none that opens. */
  open(id: string): Promise<Content | null>;
  /** No harm where there is none. */
  remove(ids: string[]): Promise<void>;
  /** The ids of all that there are. Cheap, however many. */
  list(): Promise<string[]>;
  /** Those that were sealed at least so long ago. */
  listOlderThan(ageMs: number): Promise<string[]>;
  /**
   * Seals again with the newest master key whatever opens with one of them, and removes what does not: a file that is
   * missing is made again (deploy/sealed-keeper.ts), and one that opens with a key that is gone would not be.
   */
  resealAll(): Promise<void>;
}

/** The environment of each deployment. */
export type SealedFiles = SealedFolder<SealedEnvironment>;
/** The private key of each certificate, PKCS #8 in PEM. */
export type SealedCertificates = SealedFolder<string>;

interface Box<Content> {
  seal(masterKey: Buffer, id: string, content: Content): Buffer;
  open(masterKeys: readonly Buffer[], id: string, sealed: Buffer): Content;
}

const ENDING = '.sealed';

export function createSealedFiles(masterKeys: MasterKeys, folder: string): SealedFiles {
  return createFolder(masterKeys, folder, { seal: sealEnvironment, open: openEnvironment });
}

export function createSealedCertificates(
  masterKeys: MasterKeys,
  folder: string,
): SealedCertificates {
  return createFolder(masterKeys, folder, { seal: sealCertificateKey, open: openCertificateKey });
}

function createFolder<Content>(
  masterKeys: MasterKeys,
  folder: string,
  box: Box<Content>,
): SealedFolder<Content> {
  const turns = new KeyedMutex();
  const fileOf = (id: string): string => join(folder, id + ENDING);

  async function list(): Promise<string[]> {
    const names = await readdir(folder);
    return names
      .filter((name) => name.endsWith(ENDING))
      .map((name) => name.slice(0, -ENDING.length));
  }

  async function open(id: string): Promise<Content | null> {
    try {
      return box.open(masterKeys.all, id, await readFile(fileOf(id)));
    } catch {
      return null; // It is missing, cut, or sealed with a key that is gone: all the same to who asks.
    }
  }

  /** The caller has the turn of the file. */
  function write(id: string, content: Content): Promise<void> {
    return masterKeys.use((key) =>
      writingTo(basename(folder), () =>
        writeFileAtomically(fileOf(id), box.seal(key, id, content)),
      ),
    );
  }

  return {
    open,
    list,
    seal: (id, content) => turns.run(id, () => write(id, content)),
    remove: async (ids) => {
      await Promise.all(ids.map((id) => turns.run(id, () => rm(fileOf(id), { force: true }))));
    },
    listOlderThan: async (ageMs) => {
      const old: string[] = [];
      for (const id of await list()) {
        const status = await stat(fileOf(id)).catch(() => null); // Removed meanwhile.
        if (status !== null && Date.now() - status.mtimeMs >= ageMs) old.push(id);
      }
      return old;
    },
    resealAll: async () => {
      for (const id of await list()) {
        await turns.run(id, async () => {
          const content = await open(id);
          if (content !== null) await write(id, content);
          else await rm(fileOf(id), { force: true });
        });
      }
    },
  };
}
