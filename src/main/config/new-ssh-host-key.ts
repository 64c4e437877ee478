/**
 * Makes an ed25519 key in OpenSSH's format for private ones (PROTOCOL.key). ssh2 can make one, too, and leaves zeros away
 * with which its public half begins: one in 256 could not be read again.
 */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

const ALGORITHM = 'ssh-ed25519';
const MAGIC = Buffer.from('openssh-key-v1\0');
const COMMENT = 'gitfn';
/** Of what is not encrypted. */
const BLOCK_BYTES = 8;
const LINE_CHARACTERS = 70;

export function newSshHostKey(): string {
  return encodeSshHostKey(generateKeyPairSync('ed25519').privateKey);
}

export function encodeSshHostKey(key: KeyObject): string {
  const { x = '', d = '' } = key.export({ format: 'jwk' });
  const point = Buffer.from(x, 'base64url');
  const seed = Buffer.from(d, 'base64url');
  const publicKey = Buffer.concat([field(ALGORITHM), field(point)]);
  const check = randomBytes(4); // Twice the same: it was decrypted rightly.
  const secret = pad(
    Buffer.concat([check, check, publicKey, field(Buffer.concat([seed, point])), field(COMMENT)]),
  );
  const notEncrypted = Buffer.concat([field('none'), field('none'), field('')]);
  return armour(Buffer.concat([MAGIC, notEncrypted, uint32(1), field(publicKey), field(secret)]));
}

/** With 1, 2, 3, … */
function pad(bytes: Buffer): Buffer {
  const missing = (BLOCK_BYTES - (bytes.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.concat([bytes, Buffer.from(Array.from({ length: missing }, (_, at) => at + 1))]);
}

function armour(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g')) ?? [];
  const name = 'OPENSSH PRIVATE KEY-----';
  return [`-----BEGIN ${name}`, ...lines, `-----END ${name}`, ''].join('\n');
}

/** RFC 4251 section 5: bytes behind their length. */
function field(value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
