import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHostEnvironment } from '../../src/main/config/env.ts';
import { findTools, type HostTools } from '../../src/main/supervisor/machine/host-tools.ts';
import {
  createSlotNetworks,
  type planAddresses,
  type SlotNetwork,
} from '../../src/network/index.ts';
import { openTestNetwork, type TestNetwork } from './test-network.ts';

export interface FilteredNetworks {
  network: TestNetwork;
  networks: Awaited<ReturnType<typeof createSlotNetworks>>;
  /** Runs a command where the filter is. */
  inRouter(command: string): string;
  /** Whether the filter knows whose the sandbox is. */
  isMarked(slot: SlotNetwork): boolean;
  close(): Promise<void>;
}

/** Networks of sandboxes behind the filter, on a machine of a test network, without a platform. */
export async function openFilteredNetworks(
  plan: ReturnType<typeof planAddresses>,
  say: (line: string) => void = () => {},
): Promise<FilteredNetworks> {
  const network = await openTestNetwork();
  const folder = mkdtempSync(join(tmpdir(), 'gitfn-filter-'));
  const sh = join(folder, 'sh');
  // What a script starts by it stays where it was started.
  writeFileSync(
    sh,
    `#!/bin/sh\n[ -n "$ENTERED" ] && exec sh "$@"\nENTERED=1 exec ${network.enter.join(' ')} sh "$@"\n`,
  );
  chmodSync(sh, 0o755);
  network.run('echo 1 > /proc/sys/net/ipv4/ip_forward');
  const found = findTools(readHostEnvironment().toolFolders) as HostTools;
  const tools = { ...found, ip: found.ip ?? '', nft: found.nft ?? '', sh };
  const context = { tools, plan, folder, hasIpv6: true };
  const networks = await createSlotNetworks({ context, say }, { isPublicAllowed: true });
  const inRouter = (command: string): string =>
    network.run(`nsenter --net=${folder}/router ${command}`);
  return {
    network,
    networks,
    inRouter,
    isMarked: ({ file }) =>
      inRouter('nft list map inet filter apps').includes(`"${file.split('/').at(-1)}"`),
    close: async () => {
      await networks.close();
      await network.close();
      rmSync(folder, { recursive: true });
    },
  };
}
