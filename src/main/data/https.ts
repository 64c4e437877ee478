/** What a data process serves HTTPS with: certificates, and the keys of session tickets. */
import { type Certificates, createCertificates, type createDoor } from '../../router/index.ts';
import { createCertificateKeyClient } from './certificate-key-client.ts';
import type { SupervisorHost } from '../process/child-process.ts';
import type { Logger } from '../process/log.ts';
import type { DataOptions } from '../process/start-options.ts';

interface DataHttps {
  certificates: Certificates;
  /** As the supervisor has told them last. */
  readonly ticketKeys: Buffer;
  /** Renews the ticket keys of this door from now on. */
  serve(door: ReturnType<typeof createDoor>): void;
}

/** With what control wrote last; what is no certificate is left out and logged. Null when HTTPS is off. */
export async function openHttps(
  options: Pick<DataOptions, 'httpsListenFd' | 'certificatesFile' | 'ticketKeys'>,
  supervisor: SupervisorHost,
  log: Logger,
): Promise<DataHttps | null> {
  if (options.httpsListenFd === null) return null;
  const certificates = createCertificates(
    {
      openKey: createCertificateKeyClient(supervisor),
      refused: (fault) => log.error({ fault }, 'a certificate or challenge is left out'),
    },
    options.certificatesFile,
  );
  let ticketKeys = Buffer.from(options.ticketKeys, 'base64');
  let served: Parameters<DataHttps['serve']>[0] | null = null;
  supervisor.onNotice((notice) => {
    if (notice.type !== 'ticket-keys') return;
    ticketKeys = Buffer.from(notice.keys, 'base64');
    served?.tls?.setTicketKeys(ticketKeys);
  });
  try {
    await certificates.load(0);
  } catch (error) {
    // It is served without any until control has written them anew.
    log.error({ err: error }, 'the stored certificates are refused');
  }
  return {
    certificates,
    get ticketKeys() {
      return ticketKeys;
    },
    serve: (door) => (served = door),
  };
}
