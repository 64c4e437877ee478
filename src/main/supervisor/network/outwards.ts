/** How functions connect outwards here, if they do. */
import type { EgressPolicy } from '../../../model/egress-rule.ts';
import { PlatformError } from '../../../protocol/errors.ts';
import type { Protection } from '../../../protocol/protections.ts';
import { ownAddresses } from '../../../std/own-addresses.ts';
import { createEgressChannels, type EgressChannels } from './egress-channels.ts';
import { createEgressLink, type EgressLink } from './egress-link.ts';
import type { HostTools } from '../machine/host-tools.ts';
import { networkProtection } from './network-protection.ts';
import { openSandboxNetwork, type SandboxNetwork } from './sandbox-network.ts';

interface OutwardsOptions {
  tools: HostTools;
  isRoot: boolean;
  /** Functions are plain processes, and have the machine's network. */
  isPlain: boolean;
  runtimeDir: string;
  certificates: string | null;
  policy: EgressPolicy;
  say: (line: string) => void;
}

export interface Outwards {
  /** Null where sandboxes have no network. */
  networks: (SandboxNetwork & { link: EgressLink }) | null;
  /** Null where sandboxes have networks, or the operator lets them connect to nothing. */
  channels: EgressChannels | null;
  protection: Protection;
}

/** Whether functions may connect to anything at all. */
export function isOutwardsWanted(policy: EgressPolicy): boolean {
  return policy.publicAllowed || policy.rules.length > 0;
}

/** Never throws for what a machine cannot do: functions then have no network, and the protection says why. */
export async function openOutwards(options: OutwardsOptions): Promise<Outwards> {
  const { tools, isRoot, isPlain, policy, say } = options;
  const facts = { tools, isRoot, isPlain, isWanted: isOutwardsWanted(policy), failure: null };
  const protection = networkProtection(facts);
  if (isPlain || !facts.isWanted) return { networks: null, channels: null, protection };
  const channels = createEgressChannels(options);
  if (!isRoot) return { networks: null, channels, protection };
  try {
    const network = await openSandboxNetwork({ ...options, isPublicAllowed: policy.publicAllowed });
    const link = createEgressLink({ policy, ownAddresses, say });
    return { networks: { ...network, link }, channels: null, protection };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    say(`functions have no network, and connect through a channel: ${error.message}`);
    const failed = networkProtection({ ...facts, failure: error });
    return { networks: null, channels, protection: failed };
  }
}
