import { askForToken } from './refusal.ts';

const MAX_HEADER_CHARACTERS = 1024;
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * The token of an `Authorization: Basic` header (RFC 7617): the password; any user name will do.
 * @throws Refusal 401 when there is none
 */
export function readToken(header: string | undefined): string {
  if (header === undefined) throw askForToken('a token is needed: give it as the password');
  const encoded = header.length > MAX_HEADER_CHARACTERS ? undefined : BASIC.exec(header)?.[1];
  const pair = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const token = colon === -1 ? '' : pair.slice(colon + 1);
  if (token === '') throw askForToken('the token must be the password of HTTP Basic credentials');
  return token;
}
