import { isIP } from 'node:net';
import { PlatformError } from '../protocol/errors.ts';
import { isPublicAddress } from '../std/ip-address.ts';
import type { HostAccess } from './ports.ts';

/**
 * The address to connect to for a URL, to be used in place of its name: asked once, so that no later answer leads
 * elsewhere. All of a name's addresses have to be public, unless the operator names the host.
 * @throws PlatformError bad-request for what may not be connected to, unavailable for a name without address
 */
export async function pinHost(url: URL, { privateNames, lookup }: HostAccess): Promise<string> {
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(name) === 0 ? await lookup(name) : [name];
  const [first] = addresses;
  if (first === undefined) {
    throw new PlatformError('unavailable', `${name} has no address`, {
      hint: 'check the name, and the DNS of this server; it is tried again by itself',
    });
  }
  const isNamed = privateNames.includes(name) || privateNames.includes(url.host);
  if (isNamed || addresses.every(isPublicAddress)) return first;
  throw new PlatformError('bad-request', `${name} is at an address that is not public`, {
    hint: `a git host of your own network is named by the operator of the server: FN_GIT_HOSTS=${url.host}`,
  });
}
