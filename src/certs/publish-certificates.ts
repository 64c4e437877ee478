import type { AcmeChallenge, CertificateIndex } from '../protocol/certificates.ts';
import { shareRuns } from '../std/shared-run.ts';
import { listAcmeChallenges } from '../store/acme.ts';
import {
  findCertificateKey,
  listCertificates,
  nextCertificateGeneration,
} from '../store/certificates.ts';
import type { Database } from '../store/database.ts';
import { certificateIndex } from './certificate-index.ts';
import type {
  CertificatePublisher,
  KeyBoxPort,
  SealedKeysPort,
  ServedDnsChallenge,
} from './ports.ts';
import { type OwnedName, withoutLostNames } from './uploads/upload-names.ts';

interface Deps {
  db: Database;
  keyBox: KeyBoxPort;
  /** The sealed file of each key, that data has opened by the supervisor. */
  sealedKeys: SealedKeysPort;
  /** Replaces the index file whole and durably. */
  writeIndex(index: CertificateIndex): Promise<void>;
  /** Domains that apps have verified. */
  owned(): Promise<readonly OwnedName[]>;
  data: { applyCertificates(generation: number): Promise<void> };
  now(): number;
}

/**
 * Keys first, then the index that names them, then data is told; last the keys that no index names any more are removed. A
 * full disk stops it before anything has changed, so what is served stays.
 */
export function createCertificatePublisher(deps: Deps): CertificatePublisher {
  const { db, sealedKeys } = deps;

  async function sealMissing(index: CertificateIndex): Promise<void> {
    const there = new Set(await sealedKeys.list());
    for (const { id } of index.certificates) {
      if (there.has(id)) continue;
      const sealed = await findCertificateKey(db, id);
      if (sealed !== null) {
        await sealedKeys.seal(id, deps.keyBox.open({ place: 'certificate', id }, sealed));
      }
    }
  }

  async function removeOthers(index: CertificateIndex): Promise<void> {
    const named = new Set(index.certificates.map(({ id }) => id));
    await sealedKeys.remove((await sealedKeys.list()).filter((id) => !named.has(id)));
  }

  return {
    publish: shareRuns(async () => {
      const generation = await nextCertificateGeneration(db);
      const challenges = await listAcmeChallenges<AcmeChallenge | ServedDnsChallenge>(db);
      const rows = withoutLostNames(await listCertificates(db), await deps.owned());
      const index = certificateIndex(rows, challenges.filter(isServed), {
        generation,
        now: deps.now(),
      });
      await sealMissing(index);
      await deps.writeIndex(index);
      await deps.data.applyCertificates(generation);
      await removeOthers(index);
    }),
  };
}

function isServed(challenge: AcmeChallenge | ServedDnsChallenge): challenge is AcmeChallenge {
  return challenge.kind !== 'dns-01';
}
