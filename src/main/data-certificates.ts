import { type Certificates, createCertificates } from '../router/index.ts';
import { createCertificateKeyClient } from './certificate-key-client.ts';
import type { SupervisorHost } from './child-process.ts';
import type { Logger } from './log.ts';
import type { DataOptions } from './start-options.ts';

/** With what control wrote last; what is no certificate is left out and logged. Null when HTTPS is off. */
export async function openCertificates(
  options: Pick<DataOptions, 'httpsListenFd' | 'certificatesFile'>,
  supervisor: SupervisorHost,
  log: Logger,
): Promise<Certificates | null> {
  if (options.httpsListenFd === null) return null;
  const certificates = createCertificates(
    {
      openKey: createCertificateKeyClient(supervisor),
      refused: (fault) => log.error({ fault }, 'a certificate or challenge is left out'),
    },
    options.certificatesFile,
  );
  try {
    await certificates.load(0);
  } catch (error) {
    // It is served without any until control has written them anew.
    log.error({ err: error }, 'the stored certificates are refused');
  }
  return certificates;
}
