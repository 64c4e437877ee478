import type { Clock } from '../../std/clock.ts';
import { randomName } from '../../std/ids.ts';
import {
  type CertificateRow,
  deleteCertificates,
  insertCertificate,
  listCertificates,
} from '../../store/certificates.ts';
import { endOrder, saveOutcome } from '../../store/certificate-schedule.ts';
import type { Database } from '../../store/database.ts';
import type { CheckedChain } from '../uploads/check-chain.ts';
import type { KeyBoxPort, WantedCertificate } from '../ports.ts';
import { afterSuccess } from '../schedule.ts';

const ID_CHARACTERS = 16;

/**
 * In one transaction: the certificate with its key is there, and the order is over. Where that fails, as on a full disk, the
 * order stays, and the next attempt downloads it again.
 */
export async function saveCertificate(
  { db, keyBox, clock }: { db: Database; keyBox: KeyBoxPort; clock: Clock },
  { wanted, directory }: { wanted: WantedCertificate; directory: string },
  { key, chain }: { key: string; chain: CheckedChain },
): Promise<CertificateRow> {
  const [name = ''] = wanted.names;
  const row: CertificateRow = {
    id: randomName(ID_CHARACTERS),
    names: wanted.names,
    appId: wanted.appId,
    source: 'acme',
    chain: chain.pem,
    notBefore: new Date(chain.notBefore),
    notAfter: new Date(chain.notAfter),
    directory,
  };
  await keyBox.seal({ place: 'certificate', id: row.id }, key, (sealed) =>
    db.transaction(async (tx) => {
      const former = (await listCertificates(tx, name)).filter(
        ({ source, names }) => source === 'acme' && names[0] === name,
      );
      // One is kept until the next: the new one may not be valid yet by a clock that is slow.
      await deleteCertificates(
        tx,
        former.slice(1).map(({ id }) => id),
      );
      await insertCertificate(tx, { ...row, ...sealed });
      await endOrder(tx, name);
      await saveOutcome(tx, { ...afterSuccess(chain, clock.now()), name });
    }),
  );
  return row;
}
