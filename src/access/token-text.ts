import { createHash } from 'node:crypto';
import { randomName } from '../std/ids.ts';

/** `fn_` and 40 characters of base32: 200 random bits. */
const CHARACTERS = 40;
const FORMAT = /^fn_[a-z2-7]{40}$/;
const PREFIX_CHARACTERS = 9;

export function newTokenText(): string {
  return `fn_${randomName(CHARACTERS)}`;
}

/** Whether it can be a token at all. */
export function isTokenText(text: string): boolean {
  return FORMAT.test(text);
}

/** As it is stored: 200 random bits need no slow hash. */
export function hashToken(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Enough for its people to recognise it. */
export function prefixOf(text: string): string {
  return text.slice(0, PREFIX_CHARACTERS);
}
