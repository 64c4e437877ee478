/**
 * What builds see of the machine: its programs and libraries, as a package's install script expects them, and none of
 * its settings, data or users. /usr/local is left out, where an operator keeps things of their own.
 */
import { existsSync, lstatSync, mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import type { BuildSystem } from '../../../runtimes/nodejs/index.ts';

const SYSTEM_FOLDERS = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/lib',
  '/usr/lib32',
  '/usr/lib64',
  '/usr/libexec',
  '/usr/include',
  '/usr/share',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  // Debian names some of its programs through it, awk and cc among them.
  '/etc/alternatives',
];

/** Where Debian, Fedora and Alpine keep the certificate authorities that the operator trusts. */
const CERTIFICATES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/cert.pem',
];

/** Instead of the machine's own, which name its users and its neighbours. */
const ETC_FILES = {
  passwd: 'build:x:1000:1000::/tmp/home:/bin/sh\n',
  group: 'build:x:1000:\n',
  hosts: '127.0.0.1 localhost\n::1 localhost\n',
};

/** Writes the few generated files into `folder`, which every uid can reach. */
export function findBuildSystem(folder: string): BuildSystem {
  const system: BuildSystem = { files: {}, links: {}, certificates: null };
  for (const path of SYSTEM_FOLDERS) {
    if (!existsSync(path)) continue;
    // On a merged system /bin is a link into /usr.
    if (lstatSync(path).isSymbolicLink()) system.links[path] = readlinkSync(path);
    else system.files[path] = path;
  }
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const [name, content] of Object.entries(ETC_FILES)) {
    writeFileSync(`${folder}/${name}`, content, { mode: 0o644 });
    system.files[`/etc/${name}`] = `${folder}/${name}`;
  }
  system.certificates = CERTIFICATES.find((path) => existsSync(path)) ?? null;
  return system;
}
