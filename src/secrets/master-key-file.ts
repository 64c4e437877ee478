/**
 * The text of the master key's file: one key a line, 32 bytes in base64, the newest first. There is one, but while it
 * is being replaced, when what is sealed with the older one must still open.
 */
import { createHash } from 'node:crypto';
import { KEY_BYTES } from './sealed-box.ts';

/** One that is used and one that is being replaced. */
export const MAX_MASTER_KEYS = 2;

/** The keys, or null when the text is not a file of ours. */
export function parseMasterKeys(text: string): Buffer[] | null {
  const lines = text.trim().split('\n');
  const keys = lines.map((line) => Buffer.from(line, 'base64'));
  const isSound = lines.every(
    (line, index) =>
      keys[index]?.length === KEY_BYTES && keys[index].toString('base64') === line.trim(),
  );
  return isSound && keys.length <= MAX_MASTER_KEYS ? keys : null;
}

export function formatMasterKeys(keys: readonly Buffer[]): string {
  return keys.map((key) => `${key.toString('base64')}\n`).join('');
}

const ID_DIGITS = 16;

/** Tells keys apart without telling anything of them. */
export function masterKeyId(key: Buffer): string {
  return createHash('sha256')
    .update('gitfn master key')
    .update(key)
    .digest('hex')
    .slice(0, ID_DIGITS);
}
