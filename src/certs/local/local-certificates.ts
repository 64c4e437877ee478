import type { Snapshot } from '../../protocol/snapshot.ts';
import type { PublicAddress } from '../../model/address.ts';
import type { Clock } from '../../std/clock.ts';
import { randomName } from '../../std/ids.ts';
import { shareRuns } from '../../std/shared-run.ts';
import {
  type CertificateRow,
  deleteCertificates,
  insertCertificate,
  listCertificates,
} from '../../store/certificates.ts';
import type { Database } from '../../store/database.ts';
import { findLocalAuthority, replaceLocalAuthority } from '../../store/local-authorities.ts';
import {
  AUTHORITY_MS,
  issueLocalCertificate,
  LOCAL_CERTIFICATE_MS,
  type LocalAuthority,
  makeLocalAuthority,
} from './local-ca.ts';
import { localNames, permittedDomains } from './local-names.ts';
import type { CertificatePublisher, KeyBoxPort } from '../ports.ts';
import { renewalTime } from '../renewal-plan.ts';

/** Certificates of a machine's own authority, for each host that is routed. */
export interface LocalCertificates {
  /** Makes the authority where there is none that fits, and issues what its address alone takes. */
  open(): Promise<void>;
  /**
   * To be called with what will be routed next: its hosts have certificates, and data serves them, when this resolves. A
   * failure is told, and never rejects: a release must not fail for it.
   */
  prepare(snapshot: Pick<Snapshot, 'apps'>): Promise<void>;
  /** Renews what comes to the last third of its life, until the signal aborts. */
  start(signal: AbortSignal): void;
}

interface Deps {
  db: Database;
  keyBox: KeyBoxPort;
  publisher: CertificatePublisher;
  clock: Clock;
  /** Tells the authority's certificate, in PEM, to whoever shall trust it. */
  announce(certificate: string): Promise<void>;
  onError(error: unknown): void;
}

interface Options {
  address: Pick<PublicAddress, 'baseDomain' | 'controlHost'>;
  /** What this machine is called. */
  machine: string;
}

const ID_CHARACTERS = 16;
/** A machine that has slept through a renewal makes up for it within so long. */
const CHECK_MS = 5 * 60_000;

export function createLocalCertificates(deps: Deps, options: Options): LocalCertificates {
  const { db, keyBox, clock } = deps;
  let routed: Pick<Snapshot, 'apps'> = { apps: [] };
  /** Something was stored that no index has told data yet. */
  let isBehind = true;

  /** Each at its time, new ones before old ones go; so it can be killed anywhere and begins anew. */
  const issueMissing = shareRuns(async () => {
    const rows = (await listCertificates(db)).filter(({ source }) => source === 'local');
    const wanted = localNames(routed, options.address);
    const kept = wanted.map((names) => findFresh(rows, names, clock.now()));
    const missing = wanted.filter((_, index) => kept[index] === null);
    const ids = new Set(kept.map((row) => row?.id));
    const superseded = rows.filter(({ id }) => !ids.has(id));
    // Before anything is stored: what fails halfway has to be told as well.
    isBehind ||= missing.length + superseded.length > 0;
    if (missing.length > 0) {
      const authority = await findAuthority();
      for (const names of missing) await issue(authority, names);
    }
    await deleteCertificates(
      db,
      superseded.map(({ id }) => id),
    );
    if (!isBehind) return;
    await deps.publisher.publish();
    isBehind = false;
  });

  async function issue(authority: LocalAuthority, names: string[]): Promise<void> {
    const { key, ...issued } = await issueLocalCertificate(authority, names, clock.now());
    const id = randomName(ID_CHARACTERS);
    const row = { id, names, ...issued, appId: null, source: 'local', directory: null } as const;
    await keyBox.seal({ place: 'certificate', id }, key, (sealed) =>
      insertCertificate(db, { ...row, ...sealed }),
    );
  }

  async function findAuthority(): Promise<LocalAuthority> {
    const permitted = permittedDomains(options.address);
    const row = await findLocalAuthority(db);
    const endsAt = clock.now() + LOCAL_CERTIFICATE_MS;
    if (row !== null && isSame(row.permitted, permitted) && row.notAfter.getTime() > endsAt) {
      const key = keyBox.open({ place: 'local-authority', id: row.id }, row);
      return { certificate: row.certificate, key };
    }
    return makeAuthority(permitted);
  }

  async function makeAuthority(permitted: string[]): Promise<LocalAuthority> {
    const now = clock.now();
    const authority = await makeLocalAuthority(permitted, { machine: options.machine, now });
    const { certificate, key } = authority;
    const id = randomName(ID_CHARACTERS);
    const row = { id, permitted, certificate, notAfter: new Date(now + AUTHORITY_MS) };
    await keyBox.seal({ place: 'local-authority', id }, key, (sealed) =>
      replaceLocalAuthority(db, { ...row, ...sealed }),
    );
    return authority;
  }

  async function check(): Promise<void> {
    try {
      await issueMissing();
    } catch (error) {
      deps.onError(error);
    }
  }

  return {
    async open() {
      await deps.announce((await findAuthority()).certificate);
    },
    async prepare(snapshot) {
      routed = snapshot;
      await check();
    },
    start(signal) {
      let cancel = (): void => {};
      const next = (): void => {
        cancel = clock.after(CHECK_MS, () => void check().finally(next));
        if (signal.aborted) cancel();
      };
      signal.addEventListener('abort', () => cancel(), { once: true });
      next();
    },
  };
}

/** One of exactly these names that is not due yet; null when there is none. */
function findFresh(
  rows: readonly CertificateRow[],
  names: readonly string[],
  now: number,
): CertificateRow | null {
  const isFresh = ({ notBefore, notAfter }: CertificateRow): boolean => {
    const validity = { notBefore: notBefore.getTime(), notAfter: notAfter.getTime() };
    return validity.notBefore <= now && now < renewalTime(validity, null);
  };
  return rows.find((row) => isSame(row.names, names) && isFresh(row)) ?? null;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((one, index) => one === others[index]);
}
