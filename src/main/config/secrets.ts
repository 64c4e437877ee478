/**
 * The two secrets of an installation. Both live in files of mode 0600 rather than in variables: an environment is
 * inherited, shown by process listings and copied into crash reports.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { PlatformError } from '../../protocol/errors.ts';
import {
  formatMasterKeys,
  MAX_MASTER_KEYS,
  parseMasterKeys,
} from '../../secrets/master-key-file.ts';
import { KEY_BYTES } from '../../secrets/sealed-box.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
import { randomName } from '../../std/ids.ts';
import { readPrivateFile } from './private-file.ts';

export interface Secrets {
  /** The newest first; two while it is being replaced. */
  masterKeys: Buffer[];
  /** The first admin token, in clear. */
  adminToken: string;
}

interface SecretFiles {
  masterKeyFile: string;
  adminTokenFile: string;
  /** Something is sealed already, so a master key that is not there has been lost: none is made in its place. */
  isSealed?: boolean;
}

const ADMIN_TOKEN = /^fn_[a-z2-7]{40}$/;
const ADMIN_TOKEN_CHARACTERS = 40;
const SECRET_MODE = 0o600;

/** Reads both secrets, and makes each at the first start. */
export async function loadSecrets(files: SecretFiles): Promise<Secrets> {
  return {
    masterKeys: await loadMasterKeys(files),
    adminToken: await loadAdminToken(files.adminTokenFile),
  };
}

async function loadMasterKeys({ masterKeyFile: path, isSealed }: SecretFiles): Promise<Buffer[]> {
  if (isSealed === true && (await readPrivateFile(path)) === null) throw lostKey(path);
  const keys = parseMasterKeys(await readOrCreate(path, newKeyText));
  if (keys !== null) return keys;
  throw new PlatformError(
    'master-key',
    `${path} holds no master key of ${KEY_BYTES} bytes in base64`,
    {
      hint: 'restore the file from a backup: without its key no stored secret can be read',
    },
  );
}

function newKeyText(): string {
  return formatMasterKeys([randomBytes(KEY_BYTES)]).trim();
}

/** The master key's file in the hands of the supervisor, which replaces the key in two moves. */
export interface MasterKeyFile {
  /** Newest first. */
  readonly keys: readonly Buffer[];
  /** Puts a new key before the one in the file; none when there are two already. */
  add(): Promise<void>;
  /** Leaves the newest alone. */
  retireOld(): Promise<void>;
}

export function createMasterKeyFile(path: string, first: readonly Buffer[]): MasterKeyFile {
  let keys = [...first];
  const write = async (next: Buffer[]): Promise<void> => {
    await writeFileAtomically(path, formatMasterKeys(next), SECRET_MODE);
    keys = next;
  };
  return {
    get keys() {
      return keys;
    },
    add: async () => {
      if (keys.length < MAX_MASTER_KEYS) await write([randomBytes(KEY_BYTES), ...keys]);
    },
    retireOld: async () => {
      if (keys.length > 1) await write(keys.slice(0, 1));
    },
  };
}

async function loadAdminToken(path: string): Promise<string> {
  const token = await readOrCreate(path, () => `fn_${randomName(ADMIN_TOKEN_CHARACTERS)}`);
  if (ADMIN_TOKEN.test(token)) return token;
  throw new PlatformError('data-folder', `${path} holds no admin token`, {
    hint: `remove it, and the next start makes a new one: rm ${path}`,
  });
}

async function readOrCreate(path: string, make: () => string): Promise<string> {
  const existing = await readPrivateFile(path);
  if (existing !== null) return existing.trim();
  const content = make();
  try {
    await writeFileAtomically(path, `${content}\n`, SECRET_MODE);
  } catch (error) {
    throw new PlatformError('data-folder', `${path} cannot be made`, {
      hint: `its folder must exist and be yours: mkdir -p ${dirname(path)}`,
      cause: error,
    });
  }
  return content;
}

function lostKey(path: string): PlatformError {
  return new PlatformError('master-key', `the master key is gone: there is no ${path}`, {
    hint: 'nothing was changed; put the file back from a backup, since only its key opens the stored values',
  });
}
