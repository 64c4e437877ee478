import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { assert } from '../std/assert.ts';

/** An answer as it is given again. */
export interface KeptAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const PURPOSE = 'gitfn kept answer 1';

/**
 * An answer may hold what nobody else is to see, such as the text of a token that was made. So it is encrypted
 * (AES-256-GCM) with a key that comes of the text of the token that asked (HKDF, RFC 5869), of which the database has a
 * hash only: whoever reads the database learns nothing, and nobody but who asked first gets the answer again.
 */
export function sealAnswer(answer: KeptAnswer, secret: string): Buffer {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', deriveKey(secret, salt), nonce);
  const text = Buffer.concat([cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()]);
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), text]);
}

export function openAnswer(sealed: Buffer, secret: string): KeptAnswer {
  assert(sealed.length > SALT_BYTES + NONCE_BYTES + TAG_BYTES, 'a kept answer is whole');
  const salt = sealed.subarray(0, SALT_BYTES);
  const nonce = sealed.subarray(SALT_BYTES, SALT_BYTES + NONCE_BYTES);
  const tag = sealed.subarray(SALT_BYTES + NONCE_BYTES, SALT_BYTES + NONCE_BYTES + TAG_BYTES);
  const text = sealed.subarray(SALT_BYTES + NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', deriveKey(secret, salt), nonce);
  decipher.setAuthTag(tag);
  return JSON.parse(
    Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8'),
  ) as KeptAnswer;
}

function deriveKey(secret: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, salt, PURPOSE, KEY_BYTES));
}
