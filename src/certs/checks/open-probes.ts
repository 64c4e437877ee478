import { randomName } from '../../std/ids.ts';
import type { AcmeChallenge } from '../../protocol/certificates.ts';
import { insertAcmeChallenges } from '../../store/acme.ts';
import type { Database } from '../../store/database.ts';
import { makeChallengeCertificate } from '../challenges/challenge-certificate.ts';
import type { CertificatePublisher, ChallengeKind } from '../ports.ts';

/** @param name of the schedule's row, whose challenges whoever orders takes away at the end, these among them */
export type OpenProbes = (name: string, wanted: readonly WantedProbe[]) => Promise<AcmeChallenge[]>;

export interface WantedProbe {
  host: string;
  kind: Exclude<ChallengeKind, 'dns-01'>;
}

/** As an authority's: nobody guesses them. */
const TOKEN_CHARACTERS = 32;

/** Challenges that no authority asked for, one for each host: who is asked for them, and answers, is this server. */
export function createProbes(deps: { db: Database; publisher: CertificatePublisher }): OpenProbes {
  return async (name, wanted) => {
    const probes = await Promise.all(wanted.map(makeProbe));
    await insertAcmeChallenges(deps.db, name, probes);
    await deps.publisher.publish();
    return probes;
  };
}

async function makeProbe({ host, kind }: WantedProbe): Promise<AcmeChallenge> {
  const token = randomName(TOKEN_CHARACTERS);
  const keyAuthorization = `${token}.${randomName(TOKEN_CHARACTERS)}`;
  if (kind === 'http-01') return { kind, host, token, keyAuthorization };
  return { kind, host, ...(await makeChallengeCertificate(host, keyAuthorization)) };
}
