/** How control, the git front and data are started: under which uid, confined by what, told what. */
import { rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { OidcSettings } from '../../access/index.ts';
import type { CertificateSecrets } from '../config/certificate-secrets.ts';
import type { Config } from '../config/config.ts';
import type { MasterKeyFile, Secrets } from '../config/secrets.ts';
import type { SshHostKey } from '../config/ssh-host-key.ts';
import { type Protection, protectionStatuses } from '../../protocol/protections.ts';
import type {
  ControlOptions,
  DataOptions,
  EgressOptions,
  GitOptions,
  PublicAddress,
  SshEndpoint,
} from '../process/start-options.ts';
import { dataProcessName } from '../data/process-name.ts';
import type { DiskFolder } from '../control/disks.ts';
import { FIRST_EXTRA_FD, gitConfinement } from './git-confinement.ts';
import type { HostTools } from './machine/host-tools.ts';
import { type DataFolders, dataSockets, type Layout } from './machine/layout.ts';
import { outwardOptions } from './network/outward-options.ts';
import type { OfPorts } from './port.ts';
import type { Programs } from './programs/programs.ts';
import { clearFolder } from './machine/runtime-folder.ts';
import type { ProcessSpec } from './supervised-process.ts';
import type { TicketKeys } from './ticket-keys.ts';
import type { UidBlock } from './sandboxes/uid-blocks.ts';

export interface ProcessPlan {
  config: Config;
  secrets: Secrets;
  certificateSecrets: CertificateSecrets;
  oidc: OidcSettings | null;
  /** Null where nothing comes over SSH. */
  ssh: { port: number; hostKey: SshHostKey } | null;
  masterKeyFile: MasterKeyFile;
  ticketKeys: Pick<TicketKeys, 'current'>;
  tools: HostTools;
  layout: Layout;
  /** The pinned runtime, at a path that every uid can reach. */
  node: string;
  /** Null when the supervisor is not root: then all share its uid. */
  uids: UidBlock | null;
  address: PublicAddress;
  databaseUrl: string;
  programs: Programs;
  /** A passwd file that names our uids. */
  passwdFile: string;
  protections: readonly Protection[];
  isConfined: boolean;
  /** No sandbox starts here, for the git front neither. */
  isPlain: boolean;
}

/** node-git-server calls url.parse(), on addresses that were validated before. */
const QUIET = ['--disable-warning=ExperimentalWarning', '--disable-warning=DEP0169'];
const DNS_PORT = 53;
/** What a push writes to. The others hold what is made again, or counted when it is lost. */
const NEEDED_FOR_PUSHES: readonly string[] = [
  'repositories',
  'store',
  'sealed',
  'routes',
  'audit',
  'postgres',
] satisfies (keyof DataFolders)[];
/** Kept over the change of uid, and alone of all: the port of DNS is one of the lower ones. */
const MAY_BIND_LOW_PORTS = [
  '--inh-caps=-all,+net_bind_service',
  '--ambient-caps=-all,+net_bind_service',
  '--bounding-set=-all,+net_bind_service',
];

export function controlSpec(plan: ProcessPlan): ProcessSpec {
  const { config, secrets, layout } = plan;
  const { socketFolders } = layout;
  const { controlApi, controlForData, controlForGit, gitForControl } = layout.sockets;
  const options = (): ControlOptions => ({
    sockets: { controlApi, controlForData, controlForGit, gitForControl },
    dataSockets: dataSockets(layout, config.dataProcesses),
    databaseUrl: plan.databaseUrl,
    // Read anew for each start: they may have been replaced since the last.
    masterKeys: plan.masterKeyFile.keys.map((key) => key.toString('base64')),
    adminToken: secrets.adminToken,
    address: plan.address,
    ssh: sshEndpoint(plan),
    migrationsDir: `${layout.projectDir}/migrations`,
    version: plan.programs.version,
    commandLineFile: plan.programs.commandLine,
    builderVersion: plan.programs.builderVersion,
    bundlesDir: layout.bundlesDir,
    sealedDir: layout.data.sealed,
    auditHeadFile: `${layout.data.audit}/head`,
    certificatesDir: layout.data.certificates,
    certificates:
      config.httpsPort === null
        ? null
        : { settings: config.certificates, secrets: plan.certificateSecrets },
    oidc: plan.oidc,
    localAuthority: config.isLocalHttps
      ? { file: layout.localAuthorityFile, machine: hostname() }
      : null,
    snapshotFile: layout.snapshotFile,
    previewAccess: config.previewAccess,
    maxMemoryMib: config.maxMemoryMib,
    maxTimeoutMs: config.maxTimeoutMs,
    maxBuilds: config.builds.maxBuilds,
    buildTimeoutMs: config.builds.timeoutMs,
    builderMemoryMib: config.builds.memoryMib,
    registries: [...config.builds.registries],
    cacheDir: layout.data.cache,
    diskFolders: diskFolders(layout.data, config.databaseUrl === null),
    drainMs: config.drainMs,
    isConfined: plan.isConfined,
    logs: config.logs,
    ...outwardOptions(config),
    isVerbose: config.isVerbose,
  });
  return {
    name: 'control',
    command: [plan.tools.setpriv, ...asUid(plan.uids?.control ?? null), ...run(plan, 'control')],
    options,
    prepare: () => clearAll(socketFolders.controlForData, socketFolders.controlForGit),
  };
}

function sshEndpoint({ ssh }: ProcessPlan): SshEndpoint | null {
  if (ssh === null) return null;
  const { publicKey, fingerprint } = ssh.hostKey;
  return { port: ssh.port, publicKey, fingerprint };
}

/** @param isDatabaseOurs otherwise its disk is for somebody else to look after */
function diskFolders(data: DataFolders, isDatabaseOurs: boolean): DiskFolder[] {
  return Object.entries(data)
    .filter(([name]) => isDatabaseOurs || name !== 'postgres')
    .map(([name, path]) => ({
      name: basename(path),
      path,
      isNeeded: NEEDED_FOR_PUSHES.includes(name),
    }));
}

/** All listen on the same descriptors, so a connection that waits in its line is there for whoever is left. */
export function dataSpecs(plan: ProcessPlan, ports: OfPorts): ProcessSpec[] {
  const all = dataSockets(plan.layout, plan.config.dataProcesses);
  return all.map((_, place) => dataSpec(plan, ports, { dataSockets: all, place }));
}

function dataSpec(
  plan: ProcessPlan,
  { http, https }: OfPorts,
  fleet: Pick<DataOptions, 'dataSockets' | 'place'>,
): ProcessSpec {
  const { config, layout } = plan;
  const { sockets } = layout;
  const options = (): DataOptions => ({
    sockets: {
      controlApi: sockets.controlApi,
      controlForData: sockets.controlForData,
      gitHttp: sockets.gitHttp,
    },
    ...fleet,
    listenFd: FIRST_EXTRA_FD,
    httpsListenFd: https === null ? null : FIRST_EXTRA_FD + 1,
    address: plan.address,
    snapshotFile: layout.snapshotFile,
    certificatesFile: layout.certificatesFile,
    // They may have been renewed since the last start.
    ticketKeys: plan.ticketKeys.current,
    bundlesDir: layout.bundlesDir,
    logsDir: layout.data.logs,
    codeCachesDir: layout.data.codeCaches,
    trustedProxies: [...config.trustedProxies],
    pool: config.pool,
    protections: protectionStatuses(plan.protections),
    drainMs: config.drainMs,
    isVerbose: config.isVerbose,
  });
  return {
    name: dataProcessName(fleet),
    command: [plan.tools.setpriv, ...asUid(plan.uids?.data ?? null), ...run(plan, 'data')],
    descriptors: https === null ? [http] : [http, https],
    options,
    prepare: () => rmSync(fleet.dataSockets[fleet.place] ?? '', { force: true }),
  };
}

/** Null for `ssh` where nothing comes over SSH. */
export function gitSpec(plan: ProcessPlan, { ssh }: Pick<OfPorts, 'ssh'>): ProcessSpec {
  const { config, layout, tools } = plan;
  const { socketFolders, sockets } = layout;
  const confined = gitConfinement(plan);
  const descriptors = ssh === null ? confined.descriptors : [...confined.descriptors, ssh];
  const options: GitOptions = {
    sockets: {
      gitHttp: sockets.gitHttp,
      gitForControl: sockets.gitForControl,
      gitHooks: sockets.gitHooks,
      controlForGit: sockets.controlForGit,
    },
    repositoriesDir: layout.data.repositories,
    hooksDir: `${layout.projectDir}/hooks`,
    stateDir: layout.data.gitState,
    address: plan.address,
    maxPackBytes: config.maxPackBytes,
    ssh:
      plan.ssh === null
        ? null
        : {
            listenFd: FIRST_EXTRA_FD + confined.descriptors.length,
            hostKey: plan.ssh.hostKey.privateKey,
          },
    isVerbose: config.isVerbose,
  };
  return {
    name: 'git front',
    command: [
      tools.setpriv,
      ...asUid(plan.uids?.git ?? null),
      ...confined.command,
      ...run(plan, 'git'),
    ],
    descriptors,
    options: () => options,
    prepare: () =>
      clearAll(socketFolders.gitForData, socketFolders.gitForControl, socketFolders.gitHooks),
  };
}

/** `listen`: addresses that only sandboxes reach, none where they have no network of their own. */
export function egressSpec(plan: ProcessPlan, listen: readonly string[]): ProcessSpec {
  const options: EgressOptions = {
    listen: [...listen],
    port: DNS_PORT,
    resolvConf: '/etc/resolv.conf',
    hostsFile: '/etc/hosts',
  };
  const uid = plan.uids?.egress ?? null;
  const capabilities = uid === null ? [] : MAY_BIND_LOW_PORTS;
  return {
    name: 'egress',
    command: [plan.tools.setpriv, ...capabilities, ...asUid(uid), ...run(plan, 'egress')],
    options: () => options,
  };
}

/** As privileged as the supervisor, which alone tells it what to do. */
export function launcherSpec(plan: Pick<ProcessPlan, 'tools' | 'node' | 'programs'>): ProcessSpec {
  return {
    name: 'launcher',
    command: [plan.tools.setpriv, ...asUid(null), ...run(plan, 'launcher')],
    options: () => null,
  };
}

/** setpriv's arguments; a supervisor that is killed takes the process along. */
function asUid(uid: number | null): string[] {
  const id = String(uid);
  const drop = uid === null ? [] : ['--reuid', id, '--regid', id, '--clear-groups'];
  return [...drop, '--no-new-privs', '--pdeathsig', 'KILL', '--'];
}

function run(
  plan: Pick<ProcessPlan, 'node' | 'programs'>,
  program: 'control' | 'git' | 'data' | 'egress' | 'launcher',
): string[] {
  return [plan.node, ...QUIET, plan.programs.files[program]];
}

function clearAll(...folders: string[]): void {
  for (const folder of folders) clearFolder(folder);
}
