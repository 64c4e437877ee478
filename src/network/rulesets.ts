/**
 * The filters, as nft reads them (man 8 nft). Pure, so that a test can read them whole.
 *
 *     sandbox ── router ── machine ── internet
 *                filter    guard, masquerade
 *
 * The router stands in a network namespace of its own: what an administrator's firewall does to the machine's
 * tables, `flush ruleset` above all, cannot open it. Whatever is refused is answered, so that nobody waits for it.
 */
import { notPublicNetworks, v6Public } from '../std/ip-address.ts';
import type { AddressPlan } from './address-plan.ts';

/** Of the router towards the machine. */
export const UPLINK = 'uplink';
export const ROUTER_TABLE = 'inet filter';

/** At a time, for each sandbox. A worker takes 32 requests; some hold several connections each. */
const MAX_CONNECTIONS = 512;
/** Before the filter knows whose it is: see app-marks.ts. What is dropped the system sends again after a second. */
const MAX_EARLY_CONNECTIONS = 64;
/** The kernel remembers a connection that ended for two minutes, in a table that all sandboxes share. */
const NEW_CONNECTIONS_PER_SECOND = 100;
const NEW_CONNECTIONS_AT_ONCE = 500;
/** Of all sandboxes of one app: a quarter of what the kernel remembers on small machines (65 536), and so of others. */
const APP_CONNECTIONS = 4_096;
const APP_NEW_CONNECTIONS_PER_SECOND = 500;
const APP_NEW_CONNECTIONS_AT_ONCE = 2_000;
/** Those that have ended a short time ago among them. */
const MAX_APPS = 65_535;
/** Addresses that names of private hosts were found to mean, and addresses of rules, of all sandboxes together. */
const MAX_OPENED = 65_535;
/** Refusals are looked for more often: see refusal-watch.ts. No name of a sandbox comes again so soon. */
const REFUSAL_REMEMBERED = '1m';
const DNS_PORT = 53;
const SMTP_PORT = 25;

const WORKER_MANY = 1;
const WORKER_FAST = 2;
const APP_MANY = 3;
const APP_FAST = 4;

/** What the log of an app says, by the number that the filter writes beside a sandbox whose connections it refuses. */
export const REFUSAL_TEXTS: Readonly<Record<number, string>> = {
  [WORKER_MANY]: `a worker has ${MAX_CONNECTIONS}, the most that one worker may have`,
  [WORKER_FAST]: `a worker makes more than ${NEW_CONNECTIONS_PER_SECOND} new ones a second`,
  [APP_MANY]: `the functions of this app have ${APP_CONNECTIONS}, the most that one app may have`,
  [APP_FAST]: `the functions of this app make more than ${APP_NEW_CONNECTIONS_PER_SECOND} new ones a second`,
};

export interface RouterPolicy {
  /** Whether sandboxes reach the public internet. */
  isPublicAllowed: boolean;
}

/** Name of the machine's side of the way to the router; short, and different for each instance of the machine. */
export function uplinkName(block: number): string {
  return `gitfn${block}`;
}

export function hostTable(block: number): string {
  return `inet gitfn_${block}`;
}

/**
 * The router's whole table, without a sandbox in it.
 *
 * A connection bears the mark of the app that made it. The kernel remembers one that nobody closed for five days, and
 * would let whoever has the address of its sandbox by then go on with it, past what that one may reach: so what goes on
 * is let through for the sandbox's own app alone (`ongoing`). No packet says itself by which hosts it goes (options of
 * IPv4, routing headers of IPv6): some machines would do as it says.
 */
export function routerRuleset(plan: AddressPlan, policy: RouterPolicy): string {
  const special = notPublicNetworks();
  return `
table ${ROUTER_TABLE} {
  ${families(
    (family, type) => `
  set sources${family} { type ifname . ${type}; }
  set special${family} { type ${type}; flags interval; auto-merge; elements = { ${special[family].join(', ')} }; }
  set opened${family} { type ${type} . ${type} . inet_service; flags timeout; size ${MAX_OPENED}; }
  set openedAll${family} { type ${type} . ${type}; flags timeout; size ${MAX_OPENED}; }`,
  )}
  ${rangeSets()}
  set connections { type ifname; flags dynamic; size ${plan.slots}; }
  set rates { type ifname; flags dynamic, timeout; timeout 1m; size ${plan.slots}; }
  map apps { type ifname : mark; size ${plan.slots}; }
  set owners { type ifname . mark; size ${plan.slots}; }
  set early { type ifname; flags dynamic; size ${plan.slots}; }
  set appConnections { type mark; flags dynamic; size ${MAX_APPS}; }
  map refused { type ifname : mark; flags dynamic, timeout; timeout ${REFUSAL_REMEMBERED}; size ${plan.slots}; }
  set appRates { type mark; flags dynamic, timeout; timeout 1m; size ${MAX_APPS}; }

  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain ongoing {
    iifname . ct mark @owners accept
    ct mark 0 meta mark 0 accept
    ct mark 0 ct mark set meta mark accept
    goto refuse
  }
  chain opened {
    ip saddr . ip daddr . th dport @openedv4 accept
    ip saddr . ip daddr @openedAllv4 accept
    ip6 saddr . ip6 daddr . th dport @openedv6 accept
    ip6 saddr . ip6 daddr @openedAllv6 accept
    ${RANGE_RULES}
  }
  chain input {
    type filter hook input priority filter; policy drop;
    goto refuse
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    meta nfproto ipv4 iifname != "${UPLINK}" iifname . ip saddr != @sourcesv4 drop
    meta nfproto ipv6 iifname != "${UPLINK}" iifname . ip6 saddr != @sourcesv6 drop
    iifname "${UPLINK}" ct state established,related accept
    iifname "${UPLINK}" goto refuse
    oifname != "${UPLINK}" goto refuse
    ip hdrlength != 5 drop
    exthdr rt exists drop
    meta mark set iifname map @apps
    ct state established,related goto ongoing
    ct state invalid drop
    update @rates { iifname limit rate over ${NEW_CONNECTIONS_PER_SECOND}/second burst ${NEW_CONNECTIONS_AT_ONCE} packets } ${refuseFor(WORKER_FAST)}
    add @connections { iifname ct count over ${MAX_CONNECTIONS} } ${refuseFor(WORKER_MANY)}
    meta mark 0 add @early { iifname ct count over ${MAX_EARLY_CONNECTIONS} } drop
    meta mark != 0 update @appRates { meta mark limit rate over ${APP_NEW_CONNECTIONS_PER_SECOND}/second burst ${APP_NEW_CONNECTIONS_AT_ONCE} packets } ${refuseFor(APP_FAST)}
    meta mark != 0 add @appConnections { meta mark ct count over ${APP_CONNECTIONS} } ${refuseFor(APP_MANY)}
    meta l4proto != { tcp, udp } goto refuse
    ct mark set meta mark
    ip daddr ${plan.machine.v4} th dport ${DNS_PORT} accept
    ip6 daddr ${plan.machine.v6} th dport ${DNS_PORT} accept
    jump opened
    ip daddr @specialv4 goto refuse
    ip6 daddr @specialv6 goto refuse
    ip6 daddr != { ${v6Public.join(', ')} } goto refuse
    tcp dport ${SMTP_PORT} goto refuse
    ${policy.isPublicAllowed ? 'accept' : 'goto refuse'}
  }
}
`;
}

/** Writes down whom it refuses. */
function refuseFor(reason: number): string {
  return `update @refused { iifname : ${reason} } goto refuse`;
}

/**
 * The machine's part. Its own addresses, public ones too, are what its routing says they are: no list of them can be
 * out of date. They are looked at before their destination is changed, since the ports that containers publish lead on
 * into private networks, and again at the machine's door. It replaces what an instance that was killed may have left
 * under the same name.
 */
export function hostRuleset(plan: AddressPlan): string {
  const table = hostTable(plan.block);
  const uplink = uplinkName(plan.block);
  return `
table ${table} { }
delete table ${table}
table ${table} {
  ${rangeSets()}
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain guard {
    ct state established,related accept
    meta l4proto != { tcp, udp } goto refuse
    ip saddr ${plan.v4Range} ip daddr ${plan.machine.v4} th dport ${DNS_PORT} accept
    ip6 saddr ${plan.v6Range} ip6 daddr ${plan.machine.v6} th dport ${DNS_PORT} accept
    ${RANGE_RULES}
    goto refuse
  }
  chain prerouting {
    type filter hook prerouting priority dstnat - 10; policy accept;
    iifname "${uplink}" fib daddr type local goto guard
  }
  chain input {
    type filter hook input priority filter - 10; policy accept;
    iifname "${uplink}" goto guard
  }
  chain forward {
    type filter hook forward priority filter - 10; policy accept;
    oifname "${uplink}" ct state established,related accept
    oifname "${uplink}" goto refuse
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${plan.v4Range} oifname != "${uplink}" masquerade
    ip6 saddr ${plan.v6Range} oifname != "${uplink}" masquerade
  }
}
`;
}

/** What was opened as an address or a network: the machine's own addresses can be among it. */
function rangeSets(): string {
  return families(
    (family, type) => `
  set ranges${family} { type ${type} . ${type} . inet_service; flags interval; }
  set rangesAll${family} { type ${type} . ${type}; flags interval; }`,
  );
}

const RANGE_RULES = `
    ip saddr . ip daddr . th dport @rangesv4 accept
    ip saddr . ip daddr @rangesAllv4 accept
    ip6 saddr . ip6 daddr . th dport @rangesv6 accept
    ip6 saddr . ip6 daddr @rangesAllv6 accept`;

function families(text: (family: 'v4' | 'v6', type: string) => string): string {
  return text('v4', 'ipv4_addr') + text('v6', 'ipv6_addr');
}
