/** The account at each authority: its key is made once and stored before the authority hears of it. */
import { generateKeyPairSync } from 'node:crypto';
import type { Agent } from 'node:https';
import { findAcmeAccount, insertAcmeAccount, saveAcmeAccountUrl } from '../../store/acme.ts';
import type { Database } from '../../store/database.ts';
import { type Authority, createAuthority, type DirectoryMeta } from './authority.ts';
import { CaProblem } from './ca-problem.ts';
import { AttemptFailure } from '../certificate-problem.ts';
import type { KeyBoxPort } from '../ports.ts';

export interface Accounts {
  /** An authority that knows us, and what it offers. @throws CaProblem */
  open(directory: string, signal: AbortSignal): Promise<OpenAuthority>;
  /** It says that it does not know us: the next `open` makes the account anew. */
  forget(directory: string): Promise<void>;
}

export interface OpenAuthority {
  authority: Authority;
  meta: DirectoryMeta;
  /** Of our account there. */
  accountUrl: string;
}

interface Deps {
  db: Database;
  keyBox: KeyBoxPort;
  agent: Agent;
  now: () => number;
}

export interface AccountSettings {
  email: string | null;
  /** Of accounts that were made elsewhere, by directory. */
  externalAccounts: Readonly<Record<string, { kid: string; hmacKey: string }>>;
}

export function createAccounts(
  { db, keyBox, agent, now }: Deps,
  settings: AccountSettings,
): Accounts {
  const ownerOf = (directory: string) => ({ place: 'acme-account' as const, id: directory });

  async function readAccount(directory: string): Promise<{ key: string; url: string | null }> {
    const found = await findAcmeAccount(db, directory);
    if (found !== null) {
      return { key: keyBox.open(ownerOf(directory), found), url: found.accountUrl };
    }
    await keyBox.seal(ownerOf(directory), newKey(), (sealed) =>
      insertAcmeAccount(db, { directory, ...sealed }),
    );
    // Of several that make one at a time the first has made it.
    return readAccount(directory);
  }

  return {
    async open(directory, signal) {
      const { key, url } = await readAccount(directory);
      const authority = await createAuthority(
        { agent, now, signal },
        {
          url: directory,
          accountKey: key,
          accountUrl: url,
          externalAccount: settings.externalAccounts[directory] ?? null,
        },
      );
      const meta = await authority.readDirectory();
      if (url !== null) return { authority, meta, accountUrl: url };
      const accountUrl = await authority
        .register({ email: settings.email })
        .catch((error: unknown) => {
          throw bindingRefused(error, directory, settings) ?? error;
        });
      await saveAcmeAccountUrl(db, directory, accountUrl);
      return { authority, meta, accountUrl };
    },
    forget: (directory) => saveAcmeAccountUrl(db, directory, null),
  };
}

/** Null where the account was not refused for what binds it to one that was made elsewhere. */
function bindingRefused(
  error: unknown,
  directory: string,
  { externalAccounts }: AccountSettings,
): AttemptFailure | null {
  if (!(error instanceof CaProblem) || error.kind !== 'refused') return null;
  const isGiven = externalAccounts[directory] !== undefined;
  if (!isGiven && error.type !== 'externalAccountRequired') return null;
  const fault = isGiven ? 'what ACME_EAB_FILE has is wrong' : 'ACME_EAB_FILE has no entry';
  return new AttemptFailure('refused', error.message, {
    hint: `${fault} for ${directory}: put the kid and hmacKey that the authority shows for your account there`,
    retryAt: error.retryAt,
    cause: error,
  });
}

export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' });
}
