/**
 * Where everything stands while the platform runs. Started as root, all that a process under another uid touches is
 * below one root that any uid can traverse, mounted in a namespace of our own: the clone and the data folder may lie
 * under a home that is closed to others. Otherwise the paths are the real ones, and only sockets have a folder of
 * their own, because a unix socket's path has at most 107 bytes.
 */
import { createHash } from 'node:crypto';
import type { Sockets } from '../../process/start-options.ts';

/** Folders of the data folder that processes other than the supervisor use. */
export interface DataFolders {
  repositories: string;
  /** Bundles, and whatever is hard-linked out of them later: one mount. */
  store: string;
  /** Installed dependencies of apps, compressed, as their builds left them. */
  cache: string;
  routes: string;
  sealed: string;
  /** The index of those that data serves, and their sealed keys. */
  certificates: string;
  /** Log entries that wait for control. */
  logs: string;
  /** V8's, of functions, as their workers have made them. */
  codeCaches: string;
  /** What the database's audit log is compared with. */
  audit: string;
  gitState: string;
  postgres: string;
}

export interface SocketFolders {
  controlForData: string;
  controlForGit: string;
  gitForData: string;
  gitForControl: string;
  gitHooks: string;
  dataForControl: string;
  postgres: string;
}

export interface Layout {
  /** Holds `bin`, `src`, `node_modules`, `hooks`, `migrations`. */
  projectDir: string;
  /** Volatile: sockets, bundled runners, generated files. */
  runtimeDir: string;
  data: DataFolders;
  bundlesDir: string;
  /** Where sandboxes reach the folders that they see as /code; the supervisor makes them in `store/slots`. */
  visibleSlotsDir: string;
  snapshotFile: string;
  certificatesFile: string;
  /** Where control writes the certificate of this machine's own authority. */
  localAuthorityFile: string;
  socketFolders: SocketFolders;
  sockets: Sockets;
}

/** What of the project other processes read; its data folder may lie beside these and is not among them. */
export const PROJECT_PARTS = [
  'src',
  'node_modules',
  'hooks',
  'migrations',
  'package.json',
] as const;

/** In the data folder, and as control has it. */
export const LOCAL_AUTHORITY = 'local-ca.crt';

const INSTANCE_CHARACTERS = 10;

/** Names one installation on this machine: same data folder, same name. */
export function instanceName(realDataDir: string): string {
  return createHash('sha256').update(realDataDir).digest('hex').slice(0, INSTANCE_CHARACTERS);
}

interface LayoutOptions {
  projectDir: string;
  dataDir: string;
  runtimeDir: string;
}

/** Root's: everything is reached through the runtime folder. */
export function mountedLayout(options: LayoutOptions): Layout {
  const mounted = `${options.runtimeDir}/data`;
  return {
    ...layout(`${options.runtimeDir}/project`, options.runtimeDir, dataFolders(mounted)),
    visibleSlotsDir: `${options.runtimeDir}/slots`,
  };
}

/** Everyone else's: real paths. */
export function directLayout(options: LayoutOptions): Layout {
  return layout(options.projectDir, options.runtimeDir, dataFolders(options.dataDir));
}

export function dataFolders(dataDir: string): DataFolders {
  return {
    repositories: `${dataDir}/repositories`,
    store: `${dataDir}/store`,
    cache: `${dataDir}/cache`,
    routes: `${dataDir}/routes`,
    sealed: `${dataDir}/sealed`,
    certificates: `${dataDir}/certificates`,
    logs: `${dataDir}/logs`,
    codeCaches: `${dataDir}/code-caches`,
    audit: `${dataDir}/audit`,
    gitState: `${dataDir}/git`,
    postgres: `${dataDir}/postgres`,
  };
}

/** Where each data process serves control, by its place. */
export function dataSockets({ socketFolders }: Layout, processes: number): string[] {
  return Array.from(
    { length: processes },
    (_, place) => `${socketFolders.dataForControl}/${place + 1}.sock`,
  );
}

/** Beside the bundles, so that files can be hard-linked. */
export function slotsDir(data: DataFolders): string {
  return `${data.store}/slots`;
}

function layout(projectDir: string, runtimeDir: string, data: DataFolders): Layout {
  const sockets = `${runtimeDir}/sockets`;
  const folders: SocketFolders = {
    controlForData: `${sockets}/control-for-data`,
    controlForGit: `${sockets}/control-for-git`,
    gitForData: `${sockets}/git-for-data`,
    gitForControl: `${sockets}/git-for-control`,
    gitHooks: `${sockets}/git-hooks`,
    dataForControl: `${sockets}/data-for-control`,
    postgres: `${sockets}/postgres`,
  };
  return {
    projectDir,
    runtimeDir,
    data,
    bundlesDir: `${data.store}/bundles`,
    visibleSlotsDir: slotsDir(data),
    snapshotFile: `${data.routes}/snapshot.json`,
    certificatesFile: `${data.certificates}/index.json`,
    localAuthorityFile: `${data.certificates}/${LOCAL_AUTHORITY}`,
    socketFolders: folders,
    sockets: {
      controlApi: `${folders.controlForData}/api.sock`,
      controlForData: `${folders.controlForData}/rpc.sock`,
      controlForGit: `${folders.controlForGit}/rpc.sock`,
      gitHttp: `${folders.gitForData}/http.sock`,
      gitForControl: `${folders.gitForControl}/rpc.sock`,
      gitHooks: `${folders.gitHooks}/hooks.sock`,
    },
  };
}
