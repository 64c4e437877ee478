import type { Access } from '../access/index.ts';
import type { Audit, AuditReader, AuditVerifier } from '../audit/index.ts';
import type {
  AppLives,
  DeployedAgain,
  EnvironmentChanges,
  Promotions,
  PushJournal,
  RollbackRequest,
} from '../deploy/index.ts';
import type { Consistency } from '../consistency/index.ts';
import type { Domains } from '../domains/index.ts';
import type { ShownStatus, Uploads } from '../certs/index.ts';
import type { Functions, Invocations } from '../functions/index.ts';
import type { Connections, Hooks } from '../git-hosts/index.ts';
import type { PublicAddress } from '../model/address.ts';
import type { Metric } from '../model/metric.ts';
import type { Warning } from '../model/warning.ts';
import type { AccessLevel } from '../protocol/snapshot.ts';
import type { LogFollowers } from '../telemetry/index.ts';
import type { Rotation, Vault } from '../secrets/index.ts';
import type { App } from '../store/apps.ts';
import type { CertificateRow } from '../store/certificates.ts';
import type { Database } from '../store/database.ts';

/** Certificates as the API has them. */
export interface CertificatesForApi extends Pick<Uploads, 'add' | 'remove'> {
  list(): Promise<{
    rows: CertificateRow[];
    /** Of those that are ordered. */
    statuses: ShownStatus[];
    /** Whether more than a third of its life is left. */
    isLasting: (row: CertificateRow) => boolean;
  }>;
  /** PEM; null where this machine has no authority of its own. */
  readAuthority(): Promise<string | null>;
}

/** The data processes' part in what the API tells of metrics. Neither rejects: who is away has counted nothing. */
export interface MetricsForApi {
  /** Resolves when what was counted up to a second before the call can be read. */
  flush(): Promise<void>;
  /** Null while they are away. */
  running(): Promise<{ workers: number; zygotes: number; inFlight: number } | null>;
}

/** What the door lets in. */
export interface RoutesForApi {
  /** Resolves when each live data process routes by what is committed now. */
  publish(): Promise<void>;
  /** Of previews whose app does not say. */
  previewDefault: AccessLevel;
}

export interface ApiDeps {
  db: Database;
  access: Access;
  audit: Audit;
  auditTrail: AuditReader & AuditVerifier;
  rollbacks: {
    rollback(app: App, request: RollbackRequest, by: { tokenId: string }): Promise<DeployedAgain>;
  };
  redeploys: {
    redeploy(app: App, target: string | null, by: { tokenId: string }): Promise<DeployedAgain>;
  };
  promotions: Promotions;
  journal: Pick<PushJournal, 'find' | 'list'>;
  vault: Pick<Vault, 'describe'>;
  environmentChanges: EnvironmentChanges;
  functions: Functions;
  invocations: Invocations;
  lives: Pick<AppLives, 'end'>;
  domains: Pick<Domains, 'list' | 'listOfApps' | 'find' | 'add' | 'verify' | 'remove'>;
  /** Null without HTTPS. */
  certificates: CertificatesForApi | null;
  rotation: Pick<Rotation, 'rotate'>;
  consistency: Consistency;
  metrics: MetricsForApi;
  routes: RoutesForApi;
  gitHosts: { connections: Connections; hooks: Hooks };
  address: PublicAddress;
  /** Where git answers over SSH; null where it does not. */
  ssh: { port: number; publicKey: string; fingerprint: string } | null;
  /** Of gitfn. */
  version: string;
  /** The command line as one file. */
  commandLineFile: string;
  /** Milliseconds since the Unix epoch. */
  now: () => number;
  logFollowers: LogFollowers;
  /** Answers within a second, either way. */
  isDatabaseUp: () => Promise<boolean>;
  /** Certificates end, or have ended, and are not renewed. */
  isAlarmed: () => boolean;
  /** What somebody should look after, for `/readyz`; as it was a moment ago, since anybody may ask. */
  warnings: () => Promise<Warning[]>;
  /** Of them those that are told without the database. */
  diskWarnings: () => Promise<Warning[]>;
  /** Of the certificates and domains, for `GET /metrics/prometheus`. */
  readMetrics: () => Promise<Metric[]>;
  /** An error that is our own fault; the answer names the request so that the log can be found. */
  onBug: (error: unknown, requestId: string) => void;
}
