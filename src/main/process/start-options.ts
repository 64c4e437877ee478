/** What the supervisor tells each process at its start: all paths and settings, since their environment is empty. */
import type { CertificateSecrets } from '../config/certificate-secrets.ts';
import type { CertificateSettings } from '../config/certificate-settings.ts';
import type { OidcSettings } from '../../access/index.ts';
import type { GitLimits } from '../../git/limits.ts';
import type { EgressRule } from '../../model/egress-rule.ts';
import type { PublicAddress } from '../../model/address.ts';
import type { ProtectionStatuses } from '../../protocol/protections.ts';
import type { AccessLevel } from '../../protocol/snapshot.ts';
import type { DiskFolder } from '../control/disks.ts';

export type { PublicAddress };

/** Unix sockets; the folder of each decides who may connect. */
export interface Sockets {
  /** Control's public API, plain HTTP; data streams to it. */
  controlApi: string;
  /** ControlForData. */
  controlForData: string;
  /** ControlForGit. */
  controlForGit: string;
  /** The git front's HTTP; data streams `/<app>.git/*` to it. */
  gitHttp: string;
  /** GitForControl. */
  gitForControl: string;
  /** Inside the git front's own folder: hooks connect here. */
  gitHooks: string;
}

export interface GitOptions {
  sockets: Pick<Sockets, 'gitHttp' | 'gitForControl' | 'gitHooks' | 'controlForGit'>;
  /** Bare repositories, `<app id>.git`. */
  repositoriesDir: string;
  /** The hook scripts of this project. */
  hooksDir: string;
  /** A folder of the front's own for its git configuration. */
  stateDir: string;
  address: PublicAddress;
  maxPackBytes: number;
  /** Null where nothing comes over SSH. */
  ssh: SshOptions | null;
  isVerbose: boolean;
  /** Tests replace some of the defaults, so as not to wait for minutes. */
  limits?: Partial<GitLimits>;
}

export interface SshOptions {
  /** Bound by the supervisor. */
  listenFd: number;
  /** In OpenSSH's format. */
  hostKey: string;
}

/** Where git answers over SSH, as clients have to know it. */
export interface SshEndpoint {
  port: number;
  /** As known_hosts has it, without the host. */
  publicKey: string;
  /** As `ssh-keygen -l` prints it. */
  fingerprint: string;
}

export interface DataOptions {
  sockets: Pick<Sockets, 'controlApi' | 'controlForData' | 'gitHttp'>;
  /** DataForControl of each data process, this one's at its place. */
  dataSockets: string[];
  /** Which of the data processes this is, from 0 on. */
  place: number;
  /** Bound by the supervisor; it listens when the first of them does. */
  listenFd: number;
  /** The same for HTTPS; null when it is off. */
  httpsListenFd: number | null;
  address: PublicAddress;
  snapshotFile: string;
  /** Holds a CertificateIndex. */
  certificatesFile: string;
  /** Of session tickets, as they were when this process started; base64. */
  ticketKeys: string;
  bundlesDir: string;
  /** Data's own, for log entries that control has not taken yet. */
  logsDir: string;
  /** Another, for V8's code caches of functions. */
  codeCachesDir: string;
  trustedProxies: string[];
  pool: PoolOptions;
  /** For `/readyz`. */
  protections: ProtectionStatuses;
  drainMs: number;
  isVerbose: boolean;
}

export interface EgressOptions {
  /** Addresses that sandboxes ask for names; none where they have no network of their own. */
  listen: string[];
  port: number;
  /** Of the machine: resolv.conf(5) and hosts(5). */
  resolvConf: string;
  hostsFile: string;
}

/** What is kept of the functions' logs. */
export interface LogRetention {
  days: number;
  /** What an app prints beyond this drives out what it printed before. */
  bytesPerApp: number;
}

export interface PoolOptions {
  /** Zygotes of the default memory class that are kept ready at least. */
  zygotes: number;
  queueLength: number;
  queueMs: number;
  /** Workers that have been idle for so long end. */
  idleMs: number;
  /** And are frozen before, where the machine can; null for never. */
  freezeMs: number | null;
  initTimeoutMs: number;
  drainMs: number;
}

/** Which certificates are kept, and what authorities and DNS providers want to know. */
export interface CertificateOptions {
  settings: Pick<
    CertificateSettings,
    'directories' | 'email' | 'ipAddresses' | 'perWeek' | 'dnsProvider'
  >;
  secrets: CertificateSecrets;
}

export interface LocalAuthorityOptions {
  /** Where its certificate is written, in PEM. */
  file: string;
  /** What this machine is called. */
  machine: string;
}

/** Whom control fetches from, and where it pushes what it has fetched. */
export interface GitHostOptions {
  /** `host` or `host:port` of those that may have private addresses. */
  privateNames: string[];
  /** PEM, beside those of Node; null for none. */
  roots: string | null;
  /** An address of this machine at which the server listens. */
  loopback: string;
  maxPackBytes: number;
}

export interface ControlOptions {
  sockets: Pick<Sockets, 'controlApi' | 'controlForData' | 'controlForGit' | 'gitForControl'>;
  /** DataForControl of each data process. */
  dataSockets: string[];
  databaseUrl: string;
  /** 32 bytes each, base64; the newest first. */
  masterKeys: string[];
  /** The first admin token, in clear: control stores only its hash. */
  adminToken: string;
  /** Null without a provider of identities. */
  oidc: OidcSettings | null;
  address: PublicAddress;
  /** Null where nothing comes over SSH. */
  ssh: SshEndpoint | null;
  migrationsDir: string;
  /** Of gitfn. */
  version: string;
  /** The command line as one file, which control hands out. */
  commandLineFile: string;
  /** Changes when the builder's code does: part of every build key. */
  builderVersion: string;
  bundlesDir: string;
  /** One sealed environment file per deployment. */
  sealedDir: string;
  /** Remembers the newest entry of the audit log. */
  auditHeadFile: string;
  /** What data serves HTTPS with: see protocol/certificates.ts. */
  certificatesDir: string;
  /** Null without HTTPS. */
  certificates: CertificateOptions | null;
  /** Null where this machine has no authority of its own. */
  localAuthority: LocalAuthorityOptions | null;
  snapshotFile: string;
  /** Who may see previews of an app that does not say. */
  previewAccess: AccessLevel;
  maxMemoryMib: number;
  maxTimeoutMs: number;
  maxBuilds: number;
  buildTimeoutMs: number;
  builderMemoryMib: number;
  /** Where builds get packages from; `address` when the operator says where it stands. */
  registries: { url: string; address: string | null }[];
  /** What fn.json may ask for at most. */
  egressRules: EgressRule[];
  /** Installed dependencies of apps. */
  cacheDir: string;
  /** To be looked at for room. */
  diskFolders: DiskFolder[];
  drainMs: number;
  /** False where the operator insists on running functions that a self-test could not confine. */
  isConfined: boolean;
  logs: LogRetention;
  /** `address` or `address:port` of the name servers that domains are looked up at; empty: the machine's. */
  dnsServers: string[];
  gitHosts: GitHostOptions;
  isVerbose: boolean;
}
