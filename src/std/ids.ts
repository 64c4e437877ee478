import { randomBytes } from 'node:crypto';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** `count` characters of base32 (lower case), 5 random bits each. */
export function randomName(count: number): string {
  let name = '';
  for (const byte of randomBytes(count)) name += ALPHABET.charAt(byte & 31);
  return name;
}

/**
 * Of a function's id, after its kind. It lives as long as the app and is taken wherever a name is, `fn-` and 12 characters
 * might be somebody's name.
 */
const FUNCTION_ID_CHARACTERS = 20;

/** `fn-` and 100 random bits. */
export function newFunctionId(): string {
  return `fn-${randomName(FUNCTION_ID_CHARACTERS)}`;
}

/** An id such as `dep-k3v7qm2xw5ya` : a kind that people recognise and 60 random bits. */
export function newId(
  kind: 'app' | 'dep' | 'git' | 'key' | 'link' | 'push' | 'tok' | 'req',
): string {
  return `${kind}-${randomName(12)}`;
}
