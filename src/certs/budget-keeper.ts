import type { Clock } from '../std/clock.ts';
import {
  deleteIssuances,
  forgetIssuances,
  insertIssuance,
  listIssuances,
  lockBudget,
} from '../store/acme.ts';
import type { Database, Queryable } from '../store/database.ts';
import { BUDGET_WINDOW_MS, budgetOpensAt } from './budget.ts';
import { AttemptFailure } from './certificate-problem.ts';
import { registeredDomain } from './registered-domain.ts';

export interface Budget {
  /**
   * Runs what orders a certificate, which counts at its authority for each registered domain among the names from its beginning on, and not
   * any more when it fails for good: one that `goesOn` after an error is finished by a later attempt, which counts nothing.
   * @throws AttemptFailure `budget-used` before anything was ordered
   */
  spend<T>(
    { directory, names }: { directory: string; names: readonly string[] },
    order: () => Promise<T>,
    goesOn: (error: unknown) => boolean,
  ): Promise<T>;
}

export function createBudget(
  { db, clock }: { db: Database; clock: Clock },
  { perWeek }: { perWeek: number },
): Budget {
  async function take(tx: Queryable, directory: string, domain: string): Promise<string> {
    await lockBudget(tx, domain);
    const now = clock.now();
    const since = new Date(now - BUDGET_WINDOW_MS);
    await forgetIssuances(tx, since);
    const counted = { directory, registeredDomain: domain };
    const others = await listIssuances(tx, counted, since);
    const times = others.map((orderedAt) => orderedAt.getTime());
    const opensAt = budgetOpensAt(times, { now, perWeek });
    if (opensAt > now) throw used({ ...counted, perWeek }, opensAt);
    return insertIssuance(tx, { ...counted, orderedAt: new Date(now) });
  }

  return {
    async spend({ directory, names }, order, goesOn) {
      // In one order of all processes, so that two that have names of the same domains never wait for each other.
      const domains = [...new Set(names.map(registeredDomain))].sort();
      const counted = await db.transaction(async (tx) => {
        const ids: string[] = [];
        for (const domain of domains) ids.push(await take(tx, directory, domain));
        return ids;
      });
      try {
        return await order();
      } catch (error) {
        if (!goesOn(error)) await deleteIssuances(db, counted);
        throw error;
      }
    },
  };
}

interface Used {
  directory: string;
  registeredDomain: string;
  perWeek: number;
}

function used(
  { directory, registeredDomain: domain, perWeek }: Used,
  opensAt: number,
): AttemptFailure {
  return new AttemptFailure(
    'budget-used',
    `${perWeek === 1 ? '1 certificate was' : `${perWeek} certificates were`} ordered for ${domain} within seven days at ${new URL(directory).host}`,
    {
      hint: 'a wildcard needs one for all: set FN_DNS_PROVIDER; or raise ACME_CERTIFICATES_PER_WEEK where the authority allows more',
      retryAt: opensAt,
    },
  );
}
