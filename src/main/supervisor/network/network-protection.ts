/** What stands between functions and everything else that a connection could reach, told as a protection. */
import { spawnSync } from 'node:child_process';
import type { Protection } from '../../../protocol/protections.ts';
import { type HostTools, installCommand } from '../machine/host-tools.ts';

interface NetworkFacts {
  tools: HostTools;
  isRoot: boolean;
  /** Functions are plain processes: no sandbox starts here. */
  isPlain: boolean;
  /** Whether the operator lets functions connect to anything at all. */
  isWanted: boolean;
  /** Why networks could not be made, and how to mend it; null when they are there or nobody tried. */
  failure: { message: string; hint?: string | undefined } | null;
}

const PROTECTION = 'network-per-sandbox';

/** In a sandbox what cannot be filtered is not connected. */
export function networkProtection(facts: NetworkFacts): Protection {
  const { tools, isRoot, isPlain, isWanted, failure } = facts;
  const protection = PROTECTION;
  if (isPlain) {
    const detail = 'functions and builds use the network of this machine, whatever FN_EGRESS says';
    return { protection, status: 'off', detail, fix: 'see sandbox-nodejs' };
  }
  if (!isWanted) {
    return { protection, status: 'on', detail: 'functions connect to nothing, as FN_EGRESS says' };
  }
  if (!isRoot) {
    const detail = 'not root: functions connect through a channel that is filtered';
    return { protection, status: 'degraded', detail, fix: 'start the server as root' };
  }
  if (tools.ip === null || tools.nft === null) {
    const missing = [tools.ip ?? 'iproute2', tools.nft ?? 'nftables'].filter(
      (it) => !it.includes('/'),
    );
    const detail = `functions connect through a filtered channel: ${missing.join(' and ')} missing`;
    return { protection, status: 'degraded', detail, fix: installCommand(missing) };
  }
  if (failure !== null) {
    const detail = `functions connect through a filtered channel: ${failure.message}`;
    return { protection, status: 'degraded', detail, fix: failure.hint ?? 'restart the server' };
  }
  const obstacle = firewallInTheWay(tools.nft);
  if (obstacle !== null) return { protection, status: 'degraded', ...obstacle };
  return {
    protection,
    status: 'on',
    detail: 'each its own, behind a filter that others cannot change',
  };
}

interface Chain {
  family: string;
  table: string;
  name: string;
  hook: string;
  policy: string;
}

/** Docker and many firewalls drop what is passed on, or comes in, unless they know it. */
function firewallInTheWay(nft: string): { detail: string; fix: string } | null {
  const chain = chainsOf(nft).find(
    ({ hook, policy, table }) =>
      policy === 'drop' && (hook === 'forward' || hook === 'input') && !table.startsWith('gitfn_'),
  );
  if (chain === undefined) return null;
  const place = `${chain.family} ${chain.table} ${chain.name}`;
  const rules =
    chain.hook === 'input'
      ? ['iifname "gitfn*" accept']
      : ['iifname "gitfn*" accept', 'oifname "gitfn*" ct state established,related accept'];
  return {
    detail: `this machine's firewall drops by default (${place}): functions may reach nothing`,
    fix: `unless it has such rules: ${rules.map((rule) => `nft 'insert rule ${place} ${rule}'`).join('; ')}`,
  };
}

/** The base chains of `nft list chains`; its JSON form is empty in some versions. */
function chainsOf(nft: string): Chain[] {
  const { stdout } = spawnSync(nft, ['list', 'chains'], { env: {}, encoding: 'utf8' });
  const chains: Chain[] = [];
  let family = '';
  let table = '';
  let name = '';
  for (const line of stdout.split('\n')) {
    const words = line.trim().split(' ');
    if (words[0] === 'table') [, family = '', table = ''] = words;
    if (words[0] === 'chain') [, name = ''] = words;
    const [, hook, policy] = /\bhook (\w+) .*\bpolicy (\w+);/.exec(line) ?? [];
    if (hook !== undefined && policy !== undefined)
      chains.push({ family, table, name, hook, policy });
  }
  return chains;
}
