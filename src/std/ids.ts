import { randomBytes } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** `count` characters of base32 (lower case), 5 random bits each. */
export function randomName(count: number): string {
  let name = '';
  for (const byte of randomBytes(count)) name += ALPHABET.charAt(byte & 31);
  return name;
}

/** An id such as `dep-k3v7qm2xw5ya` : a kind that people recognise and 60 random bits. */
export function newId(kind: 'app' | 'dep' | 'push' | 'tok' | 'req'): string {
  return `${kind}-${randomName(12)}`;
}
