import type { Warning } from '../model/warning.ts';
import type { Queryable } from '../store/database.ts';
import { listStrayDomains } from '../store/domains.ts';
import type { CertificatesPort } from './ports.ts';

/** Of domains; with more, the count is no figure of use, either. */
const MAX_STRAYS = 1_000;

interface Deps {
  db: Queryable;
  certificates: Pick<CertificatesPort, 'status'>;
}

/** What somebody should look after though all is served. */
export async function readWarnings({ db, certificates }: Deps): Promise<Warning[]> {
  const strays = await listStrayDomains(db, MAX_STRAYS);
  const failed = (await certificates.status()).filter(({ state }) => {
    return state !== 'valid' && state !== 'pending';
  });
  return [
    ...failed.map(({ names, appId, state }): Warning => {
      return { kind: 'certificate', appId, message: `the certificate of ${names[0]} is ${state}` };
    }),
    ...strays.map(({ name, appId, pointing }): Warning => {
      return { kind: 'domain', appId, message: `the domain ${name} leads ${pointing}` };
    }),
  ];
}
