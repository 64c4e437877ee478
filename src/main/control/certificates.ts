/** The certificates that control keeps, as it is told by its options. */
import { join } from 'node:path';
import {
  certificateMetrics,
  type CertificateKeeper,
  createAccounts,
  createAgent,
  createBudget,
  createCertificateKeeper,
  createCertificatePublisher,
  createChallengeAnswers,
  createDnsChallenges,
  createDnsProvider,
  createPreCheck,
  createProbes,
  createLocalCertificates,
  createUploads,
  isLasting,
  type LocalCertificates,
  type Uploads,
  wantedCertificates,
  withoutAuthority,
  withoutUploaded,
} from '../../certs/index.ts';
import { type PublicAddress, productionHost, refHost } from '../../model/address.ts';
import type { Metric } from '../../model/metric.ts';
import type { KeyBox, SealedCertificates } from '../../secrets/index.ts';
import { writingTo } from '../../protocol/full-disk.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
import type { Clock } from '../../std/clock.ts';
import { createDnsLookup } from '../../std/dns-lookup.ts';
import { ownAddresses } from '../../std/own-addresses.ts';
import type { Database } from '../../store/database.ts';
import { listApps } from '../../store/apps.ts';
import { listVerifiedDomains } from '../../store/domains.ts';
import { listReleasedRoutes } from '../../store/routes.ts';
import { certificateEvents } from './certificate-events.ts';
import type { CertificatesForApi } from '../../api/index.ts';
import { listCertificates } from '../../store/certificates.ts';
import { deleteLocalCertificates, findLocalAuthority } from '../../store/local-authorities.ts';
import type { DataPlane } from './data-plane.ts';
import type { Logger } from '../process/log.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface Deps {
  db: Database;
  clock: Clock;
  keyBox: KeyBox;
  certificateKeys: SealedCertificates;
  data: Pick<DataPlane, 'applyCertificates'>;
  log: Logger;
}

/** Data reads the index; the sealed keys beside it are the supervisor's. */
const INDEX_MODE = 0o644;
/** The supervisor copies it to where people find it. */
const AUTHORITY_MODE = 0o644;

type Options = Pick<
  ControlOptions,
  'address' | 'dnsServers' | 'certificates' | 'certificatesDir' | 'localAuthority'
>;

export interface ControlCertificates {
  keeper: CertificateKeeper;
  uploads: Uploads;
  forApi: CertificatesForApi;
  metrics(): Promise<Metric[]>;
  /** Null where this machine has no authority of its own. */
  local: LocalCertificates | null;
  /** Before anything is published. */
  open(): Promise<void>;
}

/** Null without HTTPS. */
export function createControlCertificates(
  deps: Deps,
  options: Options,
): ControlCertificates | null {
  const { db, clock, keyBox, log } = deps;
  const { address, certificates: given } = options;
  if (given === null) return null;
  const { settings, secrets } = given;
  const now = (): number => clock.now();
  const owned = () => listVerifiedDomains(db);
  const events = certificateEvents(log);
  const publisher = createCertificatePublisher({
    db,
    keyBox,
    sealedKeys: deps.certificateKeys,
    writeIndex: (index) =>
      writingTo('certificates', () =>
        writeFileAtomically(
          join(options.certificatesDir, 'index.json'),
          JSON.stringify(index),
          INDEX_MODE,
        ),
      ),
    owned,
    data: deps.data,
    now,
  });
  const { dnsProvider } = settings;
  const lookup = createDnsLookup({ servers: options.dnsServers });
  const dns =
    dnsProvider === null
      ? null
      : createDnsChallenges({
          provider: createDnsProvider(dnsProvider.name, secrets.dnsProvider),
          lookup,
          ownAddresses,
        });
  const answers = createChallengeAnswers({
    db,
    publisher,
    provider: dns?.provider ?? null,
    seen: async (record, signal) => dns?.seen(record, signal),
    onError: events.error,
  });
  const preCheck = createPreCheck(
    { lookup, ownAddresses, openProbes: createProbes({ db, publisher }) },
    { controlHost: address.controlHost, ipAddresses: settings.ipAddresses },
  );
  const agent = createAgent(secrets.roots);
  const { email, perWeek, directories } = settings;
  const accounts = { email, externalAccounts: secrets.externalAccounts };
  const keeper = createCertificateKeeper(
    {
      db,
      clock,
      random: Math.random,
      keyBox,
      accounts: createAccounts({ db, keyBox, agent, now }, accounts),
      answers,
      budget: createBudget({ db, clock }, { perWeek }),
      preCheck,
      hasDnsProvider: dns !== null,
      baseDomain: address.baseDomain,
      wanted: async (rows) => {
        const wanted = wantedCertificates({
          ...address,
          ipAddresses: settings.ipAddresses,
          hasDnsProvider: dns !== null,
          hosts: await listHosts(db, address),
          domains: await owned(),
        });
        return withoutUploaded(wanted, rows, now());
      },
      publisher,
      events,
    },
    { directories },
  );
  const local = createLocal({ db, clock, keyBox, publisher, onError: events.error }, options);
  const onError = events.error;
  const uploads = createUploads({ db, keyBox, publisher, owned, now, onError }, address);
  const forApi: CertificatesForApi = {
    ...uploads,
    list: async () => {
      const [rows, all] = await Promise.all([listCertificates(db), keeper.status()]);
      const statuses = directories.length === 0 ? withoutAuthority(all, rows) : all;
      return { rows, statuses, isLasting: (row) => isLasting(row, now()) };
    },
    readAuthority: async () =>
      local === null ? null : ((await findLocalAuthority(db))?.certificate ?? null),
  };
  const metrics = async (): Promise<Metric[]> => {
    const apps = await listApps(db, null);
    return certificateMetrics(await forApi.list(), new Map(apps.map(({ id, name }) => [id, name])));
  };
  // Whoever has turned it off shall not be served by it for as long as its last certificates last.
  const open = (): Promise<void> => local?.open() ?? deleteLocalCertificates(db);
  return { keeper, uploads, forApi, metrics, local, open };
}

function createLocal(
  deps: Omit<Parameters<typeof createLocalCertificates>[0], 'announce'>,
  { address, localAuthority }: Options,
): LocalCertificates | null {
  if (localAuthority === null) return null;
  const { file, machine } = localAuthority;
  const announce = (certificate: string): Promise<void> => {
    return writeFileAtomically(file, `${certificate}\n`, AUTHORITY_MODE);
  };
  return createLocalCertificates({ ...deps, announce }, { address, machine });
}

async function listHosts(
  db: Database,
  address: PublicAddress,
): Promise<{ host: string; appId: string }[]> {
  const routes = await listReleasedRoutes(db);
  return routes.map(({ appId, appName, slug }) => ({
    appId,
    host: slug === null ? productionHost(address, appName) : refHost(address, appName, slug),
  }));
}
