import type { EnvironmentEntry, Scope, ValueChange, ValueKind } from '../model/environment.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Database, Queryable } from '../store/database.ts';
import {
  endEnvironmentValue,
  findEnvironmentVersion,
  insertEnvironmentValue,
  insertEnvironmentVersion,
  listEnvironment,
  lockEnvironment,
  type EnvironmentRow,
} from '../store/environment.ts';
import { ensureDataKey, openDataKey } from './data-keys.ts';
import type { MasterKeys } from './master-keys.ts';
import { namesOfSecrets, planChange, planRestore, type ChangePlan } from './plan-change.ts';
import { seal, unseal } from './sealed-box.ts';

/**
 * The environment values of all apps, in versions that never change. The database holds ciphertext only, of plain
 * values too.
 */
export interface Vault {
  /** The app's newest version; 0 before its first value. */
  version(appId: string): Promise<number>;
  /** The values that hold at a version, decrypted. */
  read(appId: string, version: number): Promise<VersionedEntry[]>;
  /** The same for people: values of those that are plain, then and now. @throws PlatformError not-found */
  describe(appId: string, version: number | null): Promise<EnvironmentDescription>;
  /**
   * Makes a version of all changes together, or of none; no version when they change nothing. One at a time.
   * @throws PlatformError bad-request, too-large, not-found
   */
  change(appId: string, changes: readonly ValueChange[], by: Author): Promise<EnvironmentChange>;
  /**
   * Makes a version with the values of an older one: in a transaction of its own, or in the caller's, with what else that
   * changes. @throws PlatformError not-found
   */
  restore(
    appId: string,
    version: number,
    by: Author,
    transaction?: Queryable,
  ): Promise<EnvironmentChange>;
}

export interface VersionedEntry extends EnvironmentEntry {
  /** The version that set it. */
  since: number;
}

interface Author {
  tokenId: string;
}

export interface EnvironmentChange extends Omit<ChangePlan, 'set'> {
  /** The app's newest version, whether it is new or not. */
  version: number;
  set: { name: string; scope: Scope; kind: ValueKind }[];
}

export interface EnvironmentDescription {
  version: number;
  entries: DescribedEntry[];
}

interface DescribedEntry extends Omit<EnvironmentEntry, 'value'> {
  /** Null for secrets. */
  value: string | null;
  since: number;
  setAt: Date;
  setBy: string | null;
}

interface ToWrite {
  tokenId: string;
  restoredFrom: number | null;
  plan: (current: EnvironmentEntry[], version: number) => Promise<ChangePlan>;
}

interface Deps {
  db: Database;
  masterKeys: MasterKeys;
}

export function createVault({ db, masterKeys }: Deps): Vault {
  async function readRows(
    queryable: Queryable,
    appId: string,
    version: number,
  ): Promise<(EnvironmentRow & { value: string })[]> {
    const rows = await listEnvironment(queryable, appId, version);
    if (rows.length === 0) return [];
    const key = await openDataKey(queryable, masterKeys, appId);
    if (key === null) throw new Error(`app ${appId} has values and no key`);
    return rows.map((row) => ({ ...row, value: openValue(key, appId, row) }));
  }

  async function read(
    queryable: Queryable,
    appId: string,
    version: number,
  ): Promise<VersionedEntry[]> {
    return (await readRows(queryable, appId, version)).map(
      ({ name, scope, kind, isBuild, value, since }) => ({
        name,
        scope,
        kind,
        isBuild,
        value,
        since,
      }),
    );
  }

  /** One version of what `plan` makes of the current values. */
  async function write(
    tx: Queryable,
    appId: string,
    { tokenId, restoredFrom, plan: makePlan }: ToWrite,
  ): Promise<EnvironmentChange> {
    const version = await lockEnvironment(tx, appId);
    const plan = await makePlan(await read(tx, appId, version), version);
    const set = plan.set.map(({ name, scope, kind }) => ({ name, scope, kind }));
    if (plan.set.length === 0 && plan.unset.length === 0) return { ...plan, set, version };
    const next = version + 1;
    await insertEnvironmentVersion(tx, appId, { version: next, createdBy: tokenId, restoredFrom });
    await store(tx, appId, { plan, version: next });
    return { ...plan, set, version: next };
  }

  function restoreIn(
    tx: Queryable,
    appId: string,
    { version, tokenId }: { version: number; tokenId: string },
  ): Promise<EnvironmentChange> {
    return write(tx, appId, {
      tokenId,
      restoredFrom: version,
      plan: async (current, newest) => {
        refuseUnknownVersion(version, newest);
        return planRestore(current, await read(tx, appId, version));
      },
    });
  }

  /** A rotation of the master key waits for its end. */
  const transaction: Database['transaction'] = (work) => masterKeys.use(() => db.transaction(work));

  async function store(
    tx: Queryable,
    appId: string,
    { plan, version }: { plan: ChangePlan; version: number },
  ): Promise<void> {
    const key = await ensureDataKey(tx, masterKeys, appId);
    for (const { name, scope } of [...plan.set, ...plan.unset]) {
      await endEnvironmentValue(tx, appId, { name, scope, version });
    }
    for (const entry of plan.set) {
      const row = { ...entry, since: version };
      await insertEnvironmentValue(tx, appId, { ...row, sealed: sealValue(key, appId, row) });
    }
  }

  return {
    version: (appId) => findEnvironmentVersion(db, appId),
    read: (appId, version) => read(db, appId, version),

    async describe(appId, asked) {
      const newest = await findEnvironmentVersion(db, appId);
      const version = asked ?? newest;
      refuseUnknownVersion(version, newest);
      const rows = await readRows(db, appId, version);
      const current = version === newest ? [] : await listEnvironment(db, appId, newest);
      const secrets = namesOfSecrets(current);
      const entries = rows.map(({ name, scope, isBuild, value, since, setAt, setBy, ...row }) => {
        // Whoever made a secret of it wants it to be read nowhere: not in older versions either.
        const kind = secrets.has(name) ? 'secret' : row.kind;
        const described = { name, scope, kind, isBuild, since, setAt, setBy };
        return { ...described, value: kind === 'plain' ? value : null };
      });
      return { version, entries };
    },

    change: (appId, changes, { tokenId }) =>
      transaction((tx) => {
        const plan = async (current: EnvironmentEntry[]) => planChange(current, changes);
        return write(tx, appId, { tokenId, restoredFrom: null, plan });
      }),

    restore: (appId, version, { tokenId }, tx) =>
      // An app that has values to come back has its data key: the master key encrypts nothing here.
      tx === undefined
        ? transaction((own) => restoreIn(own, appId, { version, tokenId }))
        : restoreIn(tx, appId, { version, tokenId }),
  };
}

type PlacedValue = Pick<EnvironmentRow, 'name' | 'scope' | 'since'>;

function sealValue(key: Buffer, appId: string, entry: PlacedValue & { value: string }): Buffer {
  return seal(key, associatedData(appId, entry), Buffer.from(entry.value));
}

function openValue(key: Buffer, appId: string, row: EnvironmentRow): string {
  return unseal(key, associatedData(appId, row), row.sealed).toString();
}

function associatedData(appId: string, { name, scope, since }: PlacedValue): string {
  return `value|${appId}|${name}|${since}|${scope}`;
}

function refuseUnknownVersion(version: number, newest: number): void {
  if (version <= newest) return;
  throw new PlatformError('not-found', `there is no environment version ${version}`, {
    hint: `the newest is ${newest}; fn env list --versions shows all`,
  });
}
