import { isIP } from 'node:net';

/** A package registry that builds may reach. */
export interface RegistrySetting {
  url: string;
  /** Where it stands, when that is said: the only way to one in a private network that is named by its name. */
  address: string | null;
}

/** `URL` or `URL=ADDRESS`; null when it is neither. */
export function parseRegistry(text: string): RegistrySetting | null {
  const [, given = '', address = null] = /^(.*?)(?:=([0-9a-fA-F.:]+))?$/.exec(text) ?? [];
  const url = URL.parse(given);
  const isSound =
    url !== null &&
    ['https:', 'http:'].includes(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    (address === null || isIP(address) !== 0);
  if (!isSound) return null;
  return { url: url.href.endsWith('/') ? url.href : `${url.href}/`, address };
}
