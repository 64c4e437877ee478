import { BoundSocket } from 'node:net';
import type { PublicAddress } from '../../model/address.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { Config } from '../config/config.ts';

type PortVariable = 'PORT' | 'HTTPS_PORT' | 'FN_SSH_PORT';

/** That every user may take. */
const FREE_PORTS: Record<PortVariable, number> = {
  PORT: 3000,
  HTTPS_PORT: 8443,
  FN_SSH_PORT: 2222,
};

/** Of each port: what data serves, null without HTTPS, and the git front's, null without SSH. */
export interface OfPorts {
  http: number;
  https: number | null;
  ssh: number | null;
}

export interface PublicPorts {
  /** That of HTTPS where there is one. */
  address: PublicAddress;
  /** As the kernel has them. */
  numbers: OfPorts;
  descriptors: OfPorts;
  close(): void;
}

/** @throws PlatformError when one of them cannot be had */
export function openPublicPorts(
  config: Pick<Config, 'host' | 'port' | 'httpsPort' | 'sshPort' | 'baseDomain' | 'controlHost'>,
): PublicPorts {
  using bound = new DisposableStack();
  const bind = (name: PortVariable, port: number | null): BoundSocket | null => {
    if (port === null) return null;
    const socket = bindPort(name, config.host, port);
    bound.defer(() => socket.close());
    return socket;
  };
  const http = bindPort('PORT', config.host, config.port);
  bound.defer(() => http.close());
  const https = bind('HTTPS_PORT', config.httpsPort);
  const ssh = bind('FN_SSH_PORT', config.sshPort);
  const numbers = {
    http: http.address().port,
    https: https?.address().port ?? null,
    ssh: ssh?.address().port ?? null,
  };
  const { baseDomain, controlHost } = config;
  const kept = bound.move();
  return {
    address: {
      baseDomain,
      controlHost,
      scheme: https === null ? 'http' : 'https',
      port: numbers.https ?? numbers.http,
    },
    numbers,
    descriptors: { http: http.fd(), https: https?.fd() ?? null, ssh: ssh?.fd() ?? null },
    close: () => kept.dispose(),
  };
}

/** Bound but not listening: a child listens on it, and it outlives a restart of that, so that no client is refused. */
function bindPort(name: PortVariable, host: string, port: number): BoundSocket {
  try {
    return new BoundSocket({ host, port });
  } catch (error) {
    throw bindFailure(error as NodeJS.ErrnoException, name, { host, port });
  }
}

function bindFailure(
  error: NodeJS.ErrnoException,
  name: PortVariable,
  { host, port }: { host: string; port: number },
): PlatformError {
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return new PlatformError('port-in-use', `port ${port} on ${host} is in use`, {
        hint: `take another: ${name}=${port === 65_535 ? port - 1 : port + 1} fn server; who has it: ss -ltnp 'sport = :${port}'`,
        cause: error,
      });
    case 'EACCES':
      return new PlatformError('port-in-use', `port ${port} may not be used by this user`, {
        hint: `take a port from 1024 on: ${name}=${FREE_PORTS[name]} fn server; or start the server as root`,
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new PlatformError('config-invalid', `HOST=${host}: this machine has no such address`, {
        hint: 'all addresses: HOST=0.0.0.0; this machine only: HOST=127.0.0.1',
        cause: error,
      });
    default:
      return new PlatformError('port-in-use', `port ${port} on ${host}: ${error.message}`, {
        cause: error,
      });
  }
}
