/**
 * Where authorities find what they look for: on every host by way of data (http-01, tls-alpn-01), and in DNS by way of a
 * provider. What is there is in the database until it is taken away, so that nothing stays behind after a crash.
 */
import type { AcmeChallenge } from '../../protocol/certificates.ts';
import { PlatformError } from '../../protocol/errors.ts';
import {
  deleteAcmeChallenges,
  insertAcmeChallenges,
  listAcmeChallenges,
} from '../../store/acme.ts';
import type { Database } from '../../store/database.ts';
import { AttemptFailure } from '../certificate-problem.ts';
import { makeChallengeCertificate } from './challenge-certificate.ts';
import { challengeName } from './dns-challenge.ts';
import type { ChallengeTask } from '../orders/order.ts';
import type { CertificatePublisher, DnsProvider, ServedDnsChallenge } from '../ports.ts';

type Answer = AcmeChallenge | ServedDnsChallenge;

export interface ChallengeAnswers {
  /** Resolves when all can be found; `name` is that of the schedule's row. */
  show(name: string, tasks: readonly ChallengeTask[], signal: AbortSignal): Promise<void>;
  /** Takes away all that the row has; no harm where it has none. */
  withdraw(name: string): Promise<void>;
}

interface Deps {
  db: Database;
  publisher: CertificatePublisher;
  provider: DnsProvider | null;
  /** Resolves when a record can be seen, or has been waited for long enough. */
  seen(record: { name: string; value: string }, signal: AbortSignal): Promise<void>;
  onError: (error: unknown) => void;
}

/** Of one change of a record by the provider: programs of operators may take three minutes, as may Amazon's servers. */
const PROVIDER_DEADLINE_MS = 4 * 60_000;

export function createChallengeAnswers(deps: Deps): ChallengeAnswers {
  const { db, publisher, provider } = deps;

  async function addRecord(record: ServedDnsChallenge, signal: AbortSignal): Promise<void> {
    if (provider === null) throw new Error('dns-01 was chosen without a provider');
    try {
      await provider.add(record, within(signal));
    } catch (error) {
      throw providerFailed(provider.name, record.name, error);
    }
    await deps.seen(record, signal).catch((error: unknown) => {
      throw notSeen(error);
    });
  }

  return {
    async show(name, tasks, signal) {
      const answers = await Promise.all(tasks.map(answerTo));
      await deleteAcmeChallenges(db, name);
      await insertAcmeChallenges(db, name, answers);
      const records = answers.filter((answer) => answer.kind === 'dns-01');
      if (records.length < answers.length) await publisher.publish();
      // One after the other: two values of one name (an apex and its wildcard) are added to what the first has left.
      for (const record of records) await addRecord(record, signal);
    },

    async withdraw(name) {
      const answers = await listAcmeChallenges<Answer>(db, name);
      if (answers.length === 0) return;
      for (const answer of answers) {
        if (answer.kind !== 'dns-01' || provider === null) continue;
        // It is worthless by now: leaving it behind harms nobody.
        await provider
          .remove(answer, AbortSignal.timeout(PROVIDER_DEADLINE_MS))
          .catch(deps.onError);
      }
      await deleteAcmeChallenges(db, name);
      if (answers.some(({ kind }) => kind !== 'dns-01'))
        await publisher.publish().catch(deps.onError);
    },
  };
}

async function answerTo(task: ChallengeTask): Promise<Answer> {
  const { kind, host, token, keyAuthorization } = task;
  if (kind === 'http-01') return { kind, host, token, keyAuthorization };
  if (kind === 'dns-01') return { kind, name: challengeName(host), value: keyAuthorization };
  return { kind, host, ...(await makeChallengeCertificate(host, keyAuthorization)) };
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(PROVIDER_DEADLINE_MS)]);
}

function providerFailed(provider: string, name: string, error: unknown): AttemptFailure {
  const reason = error instanceof Error ? error.message : String(error);
  const hint = error instanceof PlatformError ? error.hint : undefined;
  return new AttemptFailure(
    'dns-provider',
    `${provider} did not set the TXT record ${name}: ${reason}`,
    { hint: hint ?? 'see FN_DNS_PROVIDER_FILE: its credentials, and its zone', cause: error },
  );
}

function notSeen(error: unknown): unknown {
  if (!(error instanceof PlatformError)) return error;
  const hint = error.hint ?? 'see FN_DNS_PROVIDER_FILE: its zone';
  return new AttemptFailure('dns-provider', error.message, { hint, cause: error });
}
