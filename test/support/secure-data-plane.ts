/** A data plane with HTTPS, whose one certificate is of `localhost` and all names below it. */
import { randomBytes } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { createCertificateTable } from '../../src/router/tls/certificate-table.ts';
import { CONTEXT_OPTIONS } from '../../src/router/tls/tls-settings.ts';
import { makeCertificate } from './certificates.ts';
import { type DataPlane, startDataPlane } from './data-plane.ts';
import { listen } from './listen.ts';

export async function startSecureDataPlane(): Promise<{ data: DataPlane; httpsPort: number }> {
  const { served, key } = makeCertificate('test', ['localhost', '*.localhost']);
  const options = { ...CONTEXT_OPTIONS, key, cert: served.chain };
  const certificate = {
    ...served,
    names: new Set(served.names),
    context: createSecureContext(options),
    options,
  };
  const certificates = { table: createCertificateTable([certificate]), challenges: [] };
  const data = await startDataPlane({ https: { certificates, ticketKeys: randomBytes(48) } });
  const { tls } = data.door;
  if (tls === null) throw new Error('it serves HTTPS');
  return { data, httpsPort: await listen(tls.server) };
}
