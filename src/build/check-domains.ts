import { Type } from 'typebox';
import { readDomainName } from '../model/domain-name.ts';
import { MAX_LIST_ITEMS } from '../model/manifest-function.ts';

const MAX_NAME_CHARACTERS = 253;

/** What a builder may say that fn.json names as domains. */
export const Domains = Type.Array(Type.String({ maxLength: MAX_NAME_CHARACTERS }), {
  maxItems: MAX_LIST_ITEMS,
});

/** Whether a name is one, in the one spelling that names have. */
export function isDomain(text: string): boolean {
  const reading = readDomainName(text);
  return reading.kind === 'name' && reading.name === text;
}
