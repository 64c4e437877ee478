import { BoundSocket } from 'node:net';
import { PlatformError } from '../../protocol/errors.ts';

/** Bound but not listening: data listens on it, and it outlives a restart of data, so that no client is refused. */
export function bindPort(host: string, port: number): BoundSocket {
  try {
    return new BoundSocket({ host, port });
  } catch (error) {
    throw bindFailure(error as NodeJS.ErrnoException, host, port);
  }
}

function bindFailure(error: NodeJS.ErrnoException, host: string, port: number): PlatformError {
  switch (error.code ?? '') {
    case 'EADDRINUSE':
      return new PlatformError('port-in-use', `port ${port} on ${host} is in use`, {
        hint: `take another: PORT=${port === 65_535 ? port - 1 : port + 1} fn server; who has it: ss -ltnp 'sport = :${port}'`,
        cause: error,
      });
    case 'EACCES':
      return new PlatformError('port-in-use', `port ${port} may not be used by this user`, {
        hint: 'take a port from 1024 on: PORT=3000 fn server; or start the server as root',
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
