/** Starts the whole platform, top to bottom, and stops it in the reverse order. Long and flat on purpose. */
import { rm } from 'node:fs/promises';
import { controlUrl, type PublicAddress } from '../../model/address.ts';
import type { Protection } from '../../protocol/protections.ts';
import { builderProgram, nodeWorkerProgram } from '../../runtimes/nodejs/index.ts';
import { detectCgroups, type SandboxProgram } from '../../sandbox/index.ts';
import { writeFileAtomically } from '../../std/atomic-file.ts';
import type { Config } from '../config/config.ts';
import { loadCertificateSecrets } from '../config/certificate-secrets.ts';
import { loadOidcSecret } from '../config/oidc-settings.ts';
import { createMasterKeyFile, loadSecrets } from '../config/secrets.ts';
import { loadSshHostKey } from '../config/ssh-host-key.ts';
import { openConfinement } from './sandboxes/confinement.ts';
import { createDataFleet } from './data-fleet.ts';
import { egressProcess } from './network/egress-process.ts';
import { holdsFiles, openDataFolder } from './machine/data-folder.ts';
import { openDatabase } from './database/open-database.ts';
import { place } from './placement.ts';
import type { HostTools } from './machine/host-tools.ts';
import { findBuildSystem } from './sandboxes/build-system.ts';
import { instanceName, slotsDir } from './machine/layout.ts';
import { openOutwards, type Outwards } from './network/outwards.ts';
import { openPublicPorts, type OfPorts } from './port.ts';
import {
  controlSpec,
  dataSpecs,
  gitSpec,
  launcherSpec,
  type ProcessPlan,
} from './process-specs.ts';
import { publishLocalAuthority } from './local-authority.ts';
import { createLauncherClient } from './sandboxes/launcher-client.ts';
import { packagedClients, packagedFile } from './machine/packaged-files.ts';
import { bundlePrograms } from './programs/programs.ts';
import { openRootRuntime, openUserRuntime } from './machine/runtime-root.ts';
import { createCodeSlots } from './sandboxes/code-slots.ts';
import { createSandboxBroker } from './sandboxes/sandbox-broker.ts';
import { openSealedEnvironment, openSealedKey } from './sandboxes/open-sealed.ts';
import { SupervisedProcess } from './supervised-process.ts';
import { createTicketKeys } from './ticket-keys.ts';

interface PlatformDeps {
  tools: HostTools;
  xdgRuntimeDir: string | undefined;
  /** One line for the operator. */
  say: (line: string) => void;
}

interface PlatformOptions {
  config: Config;
  /** The clone: holds `src` and `node_modules`. */
  projectDir: string;
  /** Functions run whatever the self-test finds: see confinement.ts. */
  insists: boolean;
}

export interface Platform {
  address: PublicAddress;
  ports: OfPorts;
  dataDir: string;
  adminTokenFile: string;
  protections: readonly Protection[];
  /** The certificate of this machine's own authority; null where it has none. */
  localAuthorityFile: string | null;
  /** Its fingerprint; null where nothing comes over SSH. */
  sshHostKey: string | null;
  /** Drains and ends everything. */
  close(): Promise<void>;
}

/** Of functions at a time, and of builds; the uids would allow for more. */
const MAX_SANDBOXES = 500;
/** What a process gets beyond the drain time of its work, to close what it has open. */
const STOP_GRACE_MS = 5_000;

/** @throws PlatformError for each thing that an operator can mend. */
export async function startPlatform(
  deps: PlatformDeps,
  options: PlatformOptions,
): Promise<Platform> {
  const { config } = options;
  const { tools, say } = deps;
  const isRoot = process.getuid?.() === 0;
  await using stack = new AsyncDisposableStack();

  const dataFolder = openDataFolder(config.dataDir, tools.flock);
  stack.defer(() => dataFolder.lock.release());
  const secrets = await loadSecrets({
    masterKeyFile: config.masterKeyFile,
    adminTokenFile: dataFolder.adminTokenFile,
    isSealed: holdsFiles(dataFolder.folders.sealed) || holdsFiles(dataFolder.folders.certificates),
  });
  const oidc = await loadOidcSecret(config.oidc);
  const certificateSecrets = await loadCertificateSecrets(config.certificates);
  const masterKeyFile = createMasterKeyFile(config.masterKeyFile, secrets.masterKeys);
  const sshHostKey = config.sshPort === null ? null : await loadSshHostKey(dataFolder.path);
  const ports = openPublicPorts(config);
  stack.defer(() => ports.close());
  const { address } = ports;
  const ssh = sshHostKey && { port: ports.numbers.ssh ?? 0, hostKey: sshHostKey };

  const runtime = (isRoot ? openRootRuntime : openUserRuntime)({
    tools,
    projectDir: options.projectDir,
    dataFolder,
    xdgRuntimeDir: deps.xdgRuntimeDir,
  });
  stack.defer(() => runtime.close());
  const { layout } = runtime;
  const node = packagedFile(layout.projectDir, 'node');

  const cgroups = detectCgroups(`gitfn-${instanceName(dataFolder.path)}`);
  stack.defer(() => cgroups.close());
  place(cgroups, process, 'door');
  const system = findBuildSystem(`${layout.runtimeDir}/build-system`);
  const folders = { slotsDir: slotsDir(layout.data), visibleDir: layout.visibleSlotsDir };
  const confining = openConfinement({
    tools,
    cgroups,
    slotUids: runtime.uids?.slots ?? null,
    projectDir: layout.projectDir,
    folders,
    masterKeyFile: config.masterKeyFile,
    insists: options.insists,
  });
  const connecting = async (): Promise<Outwards> =>
    openOutwards({
      tools,
      isRoot,
      isPlain: (await confining).isPlain,
      runtimeDir: layout.runtimeDir,
      certificates: system.certificates,
      policy: config.egress,
      say,
    });
  const [database, confinement, outwards, programs] = await Promise.all([
    openDatabase(deps, { config, runtime, cgroups }),
    confining,
    connecting(),
    bundlePrograms(options.projectDir, `${layout.runtimeDir}/programs`),
  ]);
  // Before the broker, so closed when every sandbox has gone.
  stack.defer(async () => outwards.networks?.networks.close());
  // Before everything that speaks to it, so closed after.
  stack.defer(() => database.close());
  const { sandboxes, isPlain, libraries, unconfined } = confinement;
  const protections = [...confinement.protections, outwards.protection];
  if (unconfined !== null) say(`UNSAFE, as --unsafe-single-tenant insists: ${unconfined}`);
  const worker = { node, libraries, runner: programs.files.worker };
  const esbuild = packagedFile(layout.projectDir, 'esbuild');
  const builder = builderProgram({
    node,
    libraries,
    runner: programs.files.builder,
    esbuild,
    headers: packagedFile(layout.projectDir, 'nodeHeaders'),
    clients: packagedClients(layout.projectDir),
    system,
  });
  const launcher = createLauncherClient();
  const launching = new SupervisedProcess(launcherSpec({ tools, node, programs }), {
    say,
    onSpawn: (child) => {
      place(cgroups, child, 'door');
      return launcher.attach(child);
    },
  });
  // Before the broker, so stopped when every sandbox has gone.
  stack.defer(() => launching.stop(STOP_GRACE_MS));
  const broker = createSandboxBroker(
    {
      sandboxes,
      launcher,
      cgroups,
      program: (kind, memoryMib) =>
        kind === 'builder' ? builder : workerProgram(worker, memoryMib, outwards),
      codeSlots: createCodeSlots({
        bundlesDir: layout.bundlesDir,
        ...folders,
        // Nothing else would keep a function of the same user from writing to the bundle.
        isCopied: isPlain && !isRoot,
      }),
      networks: outwards.networks,
      channels: outwards.channels,
      openSealed: (deployment) =>
        openSealedEnvironment(layout.data.sealed, () => masterKeyFile.keys, deployment),
      openSealedKey: (certificate) =>
        openSealedKey(layout.data.certificates, () => masterKeyFile.keys, certificate),
      masterKeyFile,
      say,
    },
    {
      maxMemoryMib: { zygote: config.maxMemoryMib, builder: config.builds.memoryMib },
      maxSandboxes: MAX_SANDBOXES,
      cores: config.cores,
    },
  );
  stack.defer(() => broker.close());

  const ticketKeys = createTicketKeys();
  stack.defer(() => ticketKeys.close());
  const plan: ProcessPlan = {
    config,
    secrets,
    certificateSecrets,
    oidc,
    ssh,
    masterKeyFile,
    ticketKeys,
    tools,
    layout,
    node,
    address,
    uids: runtime.uids,
    databaseUrl: database.url,
    passwdFile: runtime.passwdFile,
    programs,
    protections,
    isConfined: unconfined === null,
    isPlain,
  };
  const stopMs = config.drainMs + STOP_GRACE_MS;
  const control = new SupervisedProcess(controlSpec(plan), {
    say,
    onSpawn: (child) => {
      place(cgroups, child, 'office');
      return broker.attach(child, 'builder');
    },
  });
  const git = new SupervisedProcess(gitSpec(plan, ports.descriptors), {
    say,
    onSpawn: (child) => place(cgroups, child, 'office'),
  });
  const fleet = config.dataProcesses === 1 ? null : createDataFleet();
  const data = dataSpecs(plan, ports.descriptors).map(
    (spec) =>
      new SupervisedProcess(spec, {
        say,
        onSpawn: (child) => {
          place(cgroups, child, 'door');
          const listener = ticketKeys.attach(child, broker.attach(child, 'zygote'));
          return fleet?.attach(child, listener) ?? listener;
        },
      }),
  );
  const egress = egressProcess(plan, outwards, { say, cgroups });
  stack.defer(async () => egress?.stop(stopMs));
  stack.defer(async () => void (await Promise.all([control.stop(stopMs), git.stop(stopMs)])));
  // Registered last, so stopped first: no request is accepted that control could not answer any more.
  stack.defer(async () => {
    control.tell({ type: 'draining' });
    await Promise.all(data.map((one) => one.stop(stopMs)));
  });
  await Promise.all([
    outwards.networks && confinement.testNetwork(outwards.networks.networks),
    control.start(),
    git.start(),
    ...data.map((one) => one.start()),
    egress?.start(),
    // What is no sandbox does not end with it.
    isPlain ? null : launching.start(),
  ]);

  const localAuthority = { source: layout.localAuthorityFile, dataDir: dataFolder.path };
  const localAuthorityFile = await publishLocalAuthority(config, localAuthority);
  stack.defer(() => rm(dataFolder.serverFile, { force: true }));
  await writeFileAtomically(
    dataFolder.serverFile,
    `${JSON.stringify({ url: controlUrl(address), pid: process.pid, port: ports.numbers.http, httpsPort: ports.numbers.https, sshPort: ports.numbers.ssh })}\n`,
    0o644,
  );
  const running = stack.move();
  return {
    address,
    ports: ports.numbers,
    dataDir: dataFolder.path,
    adminTokenFile: dataFolder.adminTokenFile,
    protections,
    localAuthorityFile,
    sshHostKey: ssh?.hostKey.fingerprint ?? null,
    close: () => running.disposeAsync(),
  };
}

/** With what functions need to connect outwards, where they do. */
function workerProgram(
  worker: Parameters<typeof nodeWorkerProgram>[0],
  memoryMib: number,
  { networks, channels }: Outwards,
): SandboxProgram {
  const program = nodeWorkerProgram(worker, memoryMib, { hasChannel: channels !== null });
  return { ...program, files: { ...program.files, ...networks?.files } };
}
