import { instanceName } from '../../src/main/supervisor/machine/layout.ts';
import type { Platform } from './platform.ts';

/**
 * The embedded server of a platform, which trusts whoever may enter its socket's folder. The folder is in the mount
 * namespace of the supervisor.
 */
export function databaseUrl(platform: Platform, name: string): string {
  // The socket stands in the server's own mount namespace.
  const runtimeDir = `/proc/${platform.pid}/root/run/gitfn/${instanceName(platform.dataDir)}`;
  const folder = `${runtimeDir}/sockets/postgres`;
  return `postgresql://gitfn@localhost/${name}?host=${encodeURIComponent(folder)}`;
}
