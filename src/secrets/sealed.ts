/**
 * Sealed environment files: one per deployment, written by control and opened by the supervisor, the only two that
 * have the master key. AES-256-GCM (NIST SP 800-38D) with the deployment's id as associated data, so that one
 * deployment's file never opens as another's.
 *
 *     "GFS1" | nonce, 12 bytes | tag, 16 bytes | ciphertext of the JSON object
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const MAGIC = Buffer.from('GFS1');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const MASTER_KEY_BYTES = 32;

export type Environment = Record<string, string>;

export function sealEnvironment(
  masterKey: Buffer,
  deploymentId: string,
  environment: Environment,
): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(`environment|${deploymentId}`));
  const body = Buffer.concat([cipher.update(JSON.stringify(environment)), cipher.final()]);
  return Buffer.concat([MAGIC, nonce, cipher.getAuthTag(), body]);
}

/** @throws when the key, the deployment or a byte of the file is not the one it was sealed with. */
export function openEnvironment(
  masterKey: Buffer,
  deploymentId: string,
  sealed: Buffer,
): Environment {
  if (!sealed.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not a sealed environment');
  const tagAt = MAGIC.length + NONCE_BYTES;
  const nonce = sealed.subarray(MAGIC.length, tagAt);
  const decipher = createDecipheriv('aes-256-gcm', masterKey, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(`environment|${deploymentId}`));
  decipher.setAuthTag(sealed.subarray(tagAt, tagAt + TAG_BYTES));
  const body = Buffer.concat([
    decipher.update(sealed.subarray(tagAt + TAG_BYTES)),
    decipher.final(),
  ]);
  return JSON.parse(body.toString()) as Environment;
}
