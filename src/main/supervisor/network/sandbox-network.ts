/** What functions connect outwards by, where the platform runs as root and has the tools: see src/network. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressPair, createSlotNetworks, planAddresses } from '../../../network/index.ts';
import type { SlotNetworks } from '../../../network/index.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import { tryLockFile } from '../machine/file-lock.ts';
import { hasIpv6, turnOnForwarding } from './forwarding.ts';
import { type HostTools, installCommand, missingNetworkPackages } from '../machine/host-tools.ts';
import { leaseNetworkBlock, removeLeftTables } from './network-blocks.ts';
import { ROOT_RUNTIME_PARENT } from '../machine/runtime-folder.ts';

export interface SandboxNetwork {
  networks: SlotNetworks;
  /** What a sandbox needs to look names up and to trust servers: path inside → path outside. */
  files: Record<string, string>;
  /** Where sandboxes ask for names. */
  resolvers: string[];
}

interface SandboxNetworkOptions {
  tools: HostTools;
  /** Volatile, and in the private mount namespace: what is mounted below ends with the platform. */
  runtimeDir: string;
  /** The certificate authorities that the machine trusts. */
  certificates: string | null;
  isPublicAllowed: boolean;
  say: (line: string) => void;
}

const CERTIFICATES_INSIDE = '/etc/ssl/certs/ca-certificates.crt';

/** @throws PlatformError that says why sandboxes get no network here. */
export async function openSandboxNetwork(options: SandboxNetworkOptions): Promise<SandboxNetwork> {
  const { tools, runtimeDir, isPublicAllowed, say } = options;
  const { ip, nft } = tools;
  if (ip === null || nft === null) throw toolsMissing();
  const locks = {
    lockFolder: `${ROOT_RUNTIME_PARENT}/networks`,
    tryLock: (path: string) => tryLockFile(tools.flock, path),
  };
  const block = leaseNetworkBlock(locks);
  if (block === null) throw blocksTaken();
  removeLeftTables(nft, locks);
  const withIpv6 = hasIpv6();
  turnOnForwarding(`${ROOT_RUNTIME_PARENT}/forwarding.json`, withIpv6);
  const plan = planAddresses(block);
  const folder = `${runtimeDir}/networks`;
  mkdirSync(folder, { mode: 0o700 });
  const context = { tools: { ...tools, ip, nft }, plan, folder, hasIpv6: withIpv6 };
  const networks = await createSlotNetworks({ context, say }, { isPublicAllowed });
  return {
    networks,
    files: lookUpFiles(`${runtimeDir}/look-up`, plan.machine, options.certificates),
    resolvers: [plan.machine.v4, ...(withIpv6 ? [plan.machine.v6] : [])],
  };
}

/** Instead of the machine's own, which name its neighbours. */
function lookUpFiles(
  folder: string,
  resolver: AddressPair,
  certificates: string | null,
): Record<string, string> {
  const contents = {
    'resolv.conf': `nameserver ${resolver.v4}\noptions timeout:5 attempts:2\n`,
    'nsswitch.conf': 'hosts: files dns\n',
    hosts: '127.0.0.1 localhost\n::1 localhost\n',
  };
  mkdirSync(folder, { mode: 0o755 });
  const files: Record<string, string> = {};
  for (const [name, content] of Object.entries(contents)) {
    writeFileSync(`${folder}/${name}`, content, { mode: 0o644 });
    files[`/etc/${name}`] = `${folder}/${name}`;
  }
  if (certificates !== null && existsSync(certificates)) files[CERTIFICATES_INSIDE] = certificates;
  return files;
}

function toolsMissing(): PlatformError {
  const packages = missingNetworkPackages(['/usr/sbin', '/sbin', '/usr/bin', '/bin']);
  return new PlatformError('tool-missing', 'nftables or iproute2 is missing', {
    hint: installCommand(packages),
  });
}

function blocksTaken(): PlatformError {
  return new PlatformError('busy', 'other servers hold every block of 198.18.0.0/15', {
    hint: 'stop one of them',
  });
}
