/**
 * The key by which clients know this platform over SSH: made once, in a file of the data folder that only the operator can
 * read. Several machines that answer under one name have the same when they are given the same file.
 */
import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { PlatformError } from '../../protocol/errors.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
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
const MAGIC = 'openssh-key-v1\0';
const PRIVATE_MODE = 0o600;
const PUBLIC_MODE = 0o644;
/** Of the cipher, which is none here: the part that would be encrypted fills whole ones. */
const BLOCK_BYTES = 8;
const LINE_CHARACTERS = 70;

/** Reads the key, or makes one at the first start with SSH. Its public half stands beside it. */
export async function loadSshHostKey(dataDir: string): Promise<SshHostKey> {
  const path = `${dataDir}/${FILE}`;
  const existing = await readPrivateFile(path);
  const privateKey = existing ?? newPrivateKey();
  const blob = publicBlob(privateKey);
  if (blob === null) throw notAKey(path);
  const publicKey = `${ALGORITHM} ${blob.toString('base64')}`;
  if (existing === null) await writeFileAtomically(path, privateKey, PRIVATE_MODE);
  await writeFileAtomically(`${path}.pub`, `${publicKey}\n`, PUBLIC_MODE);
  const hash = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
  return { privateKey, publicKey, fingerprint: `SHA256:${hash}` };
}

function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  const seed = Buffer.from(d, 'base64url');
  const point = Buffer.from(x, 'base64url');
  const blob = Buffer.concat([field(ALGORITHM), field(point)]);
  // Twice the same: whether it was decrypted with the right passphrase.
  const check = randomBytes(4);
  const pair = field(Buffer.concat([seed, point]));
  const secret = Buffer.concat([check, check, blob, pair, field('gitfn')]);
  const missing = (BLOCK_BYTES - (secret.length % BLOCK_BYTES)) % BLOCK_BYTES;
  const padding = Buffer.from(Array.from({ length: missing }, (_, index) => index + 1));
  const whole = Buffer.concat([
    Buffer.from(MAGIC),
    ...['none', 'none', ''].map(field),
    number(1),
    field(blob),
    field(Buffer.concat([secret, padding])),
  ]);
  const lines = whole.toString('base64').match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
  return [
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    ...lines,
    '-----END OPENSSH PRIVATE KEY-----',
    '',
  ].join('\n');
}

/** Null for what is no ed25519 key in that format, or is locked with a passphrase. */
function publicBlob(privateKey: string): Buffer | null {
  const [, base64 = ''] =
    /^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END OPENSSH PRIVATE KEY-----\s*$/.exec(
      privateKey,
    ) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  const before = Buffer.concat([Buffer.from(MAGIC), ...['none', 'none', ''].map(field), number(1)]);
  const start = before.length + 4;
  const length = bytes.length > start ? bytes.readUInt32BE(before.length) : 0;
  const blob = bytes.subarray(start, start + length);
  const head = field(ALGORITHM);
  const isOurs =
    bytes.subarray(0, before.length).equals(before) && blob.subarray(0, head.length).equals(head);
  return isOurs && isPoint(blob.subarray(head.length + 4)) ? blob : null;
}

function isPoint(point: Buffer): boolean {
  try {
    const x = point.toString('base64url');
    createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

/** A string of RFC 4251 section 5. */
function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function notAKey(path: string): PlatformError {
  return new PlatformError('data-folder', `${path} holds no ed25519 key without a passphrase`, {
    hint: `remove it, and the next start makes a new one, which every client has to be told of: rm ${path}`,
  });
}
