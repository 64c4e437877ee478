/**
 * Makes the machine pass packets on between its interfaces, which it has to for sandboxes that connect outwards. It
 * stays so when the server ends: by then others may rely on it. What it was is noted, until the machine starts anew.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';

const SETTINGS = '/proc/sys/net';
const IPV4_FORWARDING = 'ipv4/ip_forward';
const IPV6_FORWARDING = 'ipv6/conf/all/forwarding';

/** False where the kernel, or its administrator, has turned it off: nothing gets an address of it then. */
export function hasIpv6(): boolean {
  const settings = ['ipv6/conf/all/disable_ipv6', 'ipv6/conf/default/disable_ipv6'];
  return settings.every((name) => existsSync(`${SETTINGS}/${name}`) && read(name) === '0');
}

/** `noteFile` keeps what each setting was. @throws PlatformError when they cannot be changed. */
export function turnOnForwarding(noteFile: string, withIpv6: boolean): void {
  const changed: Record<string, string> = readNote(noteFile);
  const set = (name: string, value: string): void => {
    const before = read(name);
    if (before === value) return;
    write(name, value);
    changed[name] ??= before;
  };
  set(IPV4_FORWARDING, '1');
  if (withIpv6 && read(IPV6_FORWARDING) === '0') {
    // A machine that forwards does not listen to routers any more, unless it is told so: it would lose its own route.
    for (const name of interfacesThatListen()) set(`ipv6/conf/${name}/accept_ra`, '2');
    set(IPV6_FORWARDING, '1');
  }
  if (Object.keys(changed).length > 0) writeFileSync(noteFile, JSON.stringify(changed));
}

function interfacesThatListen(): string[] {
  const names = readdirSync(`${SETTINGS}/ipv6/conf`);
  return names.filter((name) => read(`ipv6/conf/${name}/accept_ra`) === '1');
}

function readNote(file: string): Record<string, string> {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {};
}

function read(name: string): string {
  return readFileSync(`${SETTINGS}/${name}`, 'utf8').trim();
}

function write(name: string, value: string): void {
  try {
    writeFileSync(`${SETTINGS}/${name}`, value);
  } catch (error) {
    const setting = `net.${name.replaceAll('/', '.')}`;
    throw new PlatformError('sandbox-failed', `${setting} cannot be set to ${value}`, {
      hint: `set it outside: sysctl -w ${setting}=${value}; docker run --sysctl ${setting}=${value} …`,
      cause: error,
    });
  }
}
