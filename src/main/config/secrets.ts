/**
 * The two secrets of an installation. Both live in files of mode 0600 rather than in variables: an environment is
 * inherited, shown by process listings and copied into crash reports.
 */
import { randomBytes } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PlatformError } from '../../protocol/errors.ts';
import { MASTER_KEY_BYTES } from '../../secrets/sealed.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
import { randomName } from '../../std/ids.ts';

export interface Secrets {
  masterKey: Buffer;
  /** The first admin token, in clear. */
  adminToken: string;
}

interface SecretFiles {
  masterKeyFile: string;
  adminTokenFile: string;
}

const ADMIN_TOKEN = /^fn_[a-z2-7]{40}$/;
const ADMIN_TOKEN_CHARACTERS = 40;
const MAX_SECRET_FILE_BYTES = 4096;

/** Reads both secrets, and makes each at the first start. */
export async function loadSecrets(files: SecretFiles): Promise<Secrets> {
  return {
    masterKey: await loadMasterKey(files.masterKeyFile),
    adminToken: await loadAdminToken(files.adminTokenFile),
  };
}

async function loadMasterKey(path: string): Promise<Buffer> {
  const text = await readOrCreate(path, () => randomBytes(MASTER_KEY_BYTES).toString('base64'));
  const key = Buffer.from(text, 'base64');
  if (key.length === MASTER_KEY_BYTES && key.toString('base64') === text) return key;
  throw new PlatformError('data-folder', `${path} holds no master key of 32 bytes in base64`, {
    hint: 'restore the file from a backup: without its key no stored secret can be read',
  });
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
    await writeFileAtomically(path, `${content}\n`, 0o600);
  } catch (error) {
    throw new PlatformError('data-folder', `${path} cannot be made`, {
      hint: `its folder must exist and be yours: mkdir -p ${dirname(path)}`,
      cause: error,
    });
  }
  return content;
}

/** The content, or null when there is no such file. */
async function readPrivateFile(path: string): Promise<string | null> {
  try {
    await using file = await open(path, 'r');
    const status = await file.stat();
    if ((status.mode & 0o077) !== 0) throw tooOpen(path, status.mode);
    if (!status.isFile() || status.size > MAX_SECRET_FILE_BYTES) {
      throw new PlatformError('data-folder', `${path} is no secret of ours`);
    }
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    if (error instanceof PlatformError) throw error;
    throw new PlatformError('data-folder', `${path} cannot be read`, { cause: error });
  }
}

function tooOpen(path: string, mode: number): PlatformError {
  const shown = (mode & 0o777).toString(8).padStart(4, '0');
  return new PlatformError('data-folder', `${path} has mode ${shown}: other users can read it`, {
    hint: `run: chmod 600 ${path}`,
  });
}
