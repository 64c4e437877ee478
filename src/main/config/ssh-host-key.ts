/**
 * The key by which clients know this platform over SSH: made once, in a file of the data folder that only the operator can
 * read. A platform that moves to another machine stays known when it takes the file along.
 */
import { fingerprintOf } from '../../model/ssh-key.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
import { newSshHostKey } from './new-ssh-host-key.ts';
import { readPrivateFile } from './private-file.ts';

export interface SshHostKey {
  /** In OpenSSH's format (PROTOCOL.key), of which any ssh_host_ed25519_key is. */
  privateKey: string;
  /** As known_hosts has it, without the host. */
  publicKey: string;
  /** As `ssh-keygen -l` prints it. */
  fingerprint: string;
}

const FILE = 'ssh-host-key';
const ALGORITHM = 'ssh-ed25519';
const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;

/** Reads the key, or makes one at the first start with SSH. Its public half stands beside it. */
export async function loadSshHostKey(dataDir: string): Promise<SshHostKey> {
  const path = sshHostKeyFile(dataDir);
  const existing = await readSshHostKey(path);
  if (existing === null) await writeFileAtomically(path, newSshHostKey(), PRIVATE_MODE);
  const key = existing ?? (await readSshHostKey(path));
  if (key === null) throw notAKey(path);
  await writeFileAtomically(`${path}.pub`, `${key.publicKey}\n`, PUBLIC_MODE);
  return key;
}

export function sshHostKeyFile(dataDir: string): string {
  return `${dataDir}/${FILE}`;
}

/** Null where there is none yet. @throws PlatformError for a file that others may read, and for one that holds no such key */
export async function readSshHostKey(path: string): Promise<SshHostKey | null> {
  const privateKey = await readPrivateFile(path);
  if (privateKey === null) return null;
  // Only where there is SSH: it takes a tenth of the start.
  const { utils } = (await import('ssh2')).default;
  const key = utils.parseKey(privateKey);
  if (key instanceof Error || key.type !== ALGORITHM || !key.isPrivateKey()) throw notAKey(path);
  const blob = key.getPublicSSH();
  const publicKey = `${ALGORITHM} ${blob.toString('base64')}`;
  return { privateKey, publicKey, fingerprint: fingerprintOf(blob) };
}

function notAKey(path: string): PlatformError {
  return new PlatformError('data-folder', `${path} holds no ed25519 key without a passphrase`, {
    hint: `remove it, and the next start makes a new one, which every client has to be told of: rm ${path}`,
  });
}
