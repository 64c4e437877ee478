/**
 * What the shell is told to do. Every word comes from an address plan and from folders of the platform; nothing from
 * a tenant gets here but addresses and ports that were parsed and are numbers again.
 */
import type { AddressPair, AddressPlan } from './address-plan.ts';
import { withTimeout } from './elements.ts';
import type { NetworkTools } from './ports.ts';
import {
  hostRuleset,
  hostTable,
  ROUTER_TABLE,
  type RouterPolicy,
  routerRuleset,
  UPLINK,
  uplinkName,
} from './rulesets.ts';

/** The two ends of each pair of interfaces. Neither asks for the other's address: they are told. */
const UPPER_MAC = '02:00:00:00:00:01';
const LOWER_MAC = '02:00:00:00:00:02';

export interface ScriptContext {
  tools: NetworkTools;
  plan: AddressPlan;
  /** Of namespace files. */
  folder: string;
  hasIpv6: boolean;
}

export interface SlotPlace {
  /** Of its interface in the router, and of its file. */
  name: string;
  addresses: AddressPair;
}

/** Makes the router. Its filter stands before it forwards anything, and the machine's guard before it is connected. */
export function setUpScript(context: ScriptContext, policy: RouterPolicy): string {
  const { tools, plan, folder, hasIpv6 } = context;
  const uplink = uplinkName(plan.block);
  const router = routerFile(folder);
  return script([
    `: > ${router}`,
    `${tools.nft} -f - ${input(hostRuleset(plan))}`,
    // Of an instance that was killed: its namespaces may still be ending.
    `${tools.ip} link delete ${uplink} 2>/dev/null || :`,
    `machine=/proc/$$/ns/net`,
    `${tools.unshare} --net=${router} ${tools.ip} -batch - ${expandedInput([
      'link set lo up',
      `link add name ${UPLINK} address ${LOWER_MAC} type veth peer name ${uplink} address ${UPPER_MAC} netns $machine`,
      ...connect({ name: UPLINK, own: plan.router, other: plan.machine, mac: UPPER_MAC }, hasIpv6),
      ...defaultRoutes(plan.machine, UPLINK, hasIpv6),
    ])}`,
    `${inRouter(context)} ${tools.nft} -f - ${input(routerRuleset(plan, policy))}`,
    `${inRouter(context)} ${tools.sh} -c '${forwardEverything(hasIpv6)}'`,
    `${tools.ip} -batch - ${input([
      ...connect({ name: uplink, own: plan.machine, other: plan.router, mac: LOWER_MAC }, hasIpv6),
      `route add ${plan.v4Range} via ${plan.router.v4} dev ${uplink} onlink src ${plan.machine.v4}`,
      ...(hasIpv6 ? [`route add ${plan.v6Range} via ${plan.router.v6} dev ${uplink} onlink`] : []),
    ])}`,
  ]);
}

/** Makes networks of sandboxes, ready for use. */
export function addSlotsScript(context: ScriptContext, slots: readonly SlotPlace[]): string {
  const { tools, plan, folder, hasIpv6 } = context;
  return script([
    ...slots.flatMap(({ name, addresses }) => [
      `: > ${folder}/${name}`,
      `${tools.unshare} --net=${folder}/${name} ${tools.ip} -batch - ${input([
        'link set lo up',
        `link add name eth0 address ${LOWER_MAC} type veth peer name ${name} address ${UPPER_MAC} netns ${routerFile(folder)}`,
        ...connect({ name: 'eth0', own: addresses, other: plan.router, mac: UPPER_MAC }, hasIpv6),
        ...defaultRoutes(plan.router, 'eth0', hasIpv6),
      ])}`,
    ]),
    `${inRouter(context)} ${tools.ip} -batch - ${input(
      slots.flatMap((slot) => routeTo(slot, hasIpv6)),
    )}`,
    `${inRouter(context)} ${tools.nft} -f - ${input(
      slots.flatMap(sourceElements).map((element) => `add element ${ROUTER_TABLE} ${element}`),
    )}`,
  ]);
}

export interface EndedSlot extends SlotPlace {
  /** Elements of the router's sets and maps, with or without a timeout of their own. */
  opened: readonly string[];
  /** Elements of the router's and the machine's sets. */
  ranges: readonly string[];
}

/**
 * Takes networks away whose sandboxes have gone. Each part is tried, however the others went; it fails when a filter
 * may still let through what was opened.
 */
export function removeSlotsScript(context: ScriptContext, slots: readonly EndedSlot[]): string {
  const { tools, folder, plan } = context;
  const ranges = slots.flatMap((slot) => slot.ranges);
  const failedBefore = '[ $? = 0 ] || failed=1';
  return [
    'failed=0',
    `${inRouter(context)} ${tools.ip} -force -batch - ${input(slots.map(({ name }) => `link delete ${name}`))}`,
    `${inRouter(context)} ${tools.nft} -f - ${input([
      ...slots
        .flatMap((slot) => [...slot.opened, ...sourceElements(slot)])
        .flatMap(deleted(ROUTER_TABLE)),
      ...ranges.flatMap(deleted(ROUTER_TABLE)),
    ])}`,
    failedBefore,
    ...(ranges.length === 0
      ? []
      : [
          `${tools.nft} -f - ${input(ranges.flatMap(deleted(hostTable(plan.block))))}`,
          failedBefore,
        ]),
    ...slots.map(({ name }) => `${tools.umount} ${folder}/${name}; rm -f ${folder}/${name}`),
    'exit $failed',
    '',
  ].join('\n');
}

/** A timeout may have removed it, or it was never made: what is added first can always be deleted. */
function deleted(table: string): (element: string) => string[] {
  return (element) => [`add element ${table} ${element}`, `delete element ${table} ${element}`];
}

/** Lets new connections to an address through for a time, however long it already was. */
export function openScript(context: ScriptContext, element: string, seconds: number): string {
  return script([
    `${inRouter(context)} ${context.tools.nft} -f - ${input([
      ...deleted(ROUTER_TABLE)(element),
      `add element ${ROUTER_TABLE} ${withTimeout(element, seconds)}`,
    ])}`,
  ]);
}

/** Says whose sandboxes are. */
export function markScript(context: ScriptContext, elements: readonly string[]): string {
  const added = elements.map((element) => `add element ${ROUTER_TABLE} ${element}`);
  return script([`${inRouter(context)} ${context.tools.nft} -f - ${input(added)}`]);
}

/** Prints which sandboxes were refused connections a short time ago, and why. */
export function refusedScript(context: ScriptContext): string {
  return script([`${inRouter(context)} ${context.tools.nft} list map ${ROUTER_TABLE} refused`]);
}

/** Lets connections to networks through for as long as the sandbox lives. */
export function openRangesScript(context: ScriptContext, ranges: readonly string[]): string {
  const added = (table: string): string =>
    input(ranges.map((element) => `add element ${table} ${element}`));
  return script([
    `${context.tools.nft} -f - ${added(hostTable(context.plan.block))}`,
    `${inRouter(context)} ${context.tools.nft} -f - ${added(ROUTER_TABLE)}`,
  ]);
}

/** What an orderly end leaves nothing of. The router ends with the last process that holds its namespace. */
export function tearDownScript({ tools, plan, folder }: ScriptContext): string {
  return [
    `${tools.ip} link delete ${uplinkName(plan.block)}`,
    `${tools.nft} delete table ${hostTable(plan.block)}`,
    `for file in ${folder}/*; do ${tools.umount} "$file"; rm -f "$file"; done`,
    '',
  ].join('\n');
}

function sourceElements({ name, addresses }: SlotPlace): string[] {
  return [`sourcesv4 { "${name}" . ${addresses.v4} }`, `sourcesv6 { "${name}" . ${addresses.v6} }`];
}

interface Connection {
  name: string;
  own: AddressPair;
  other: AddressPair;
  mac: string;
}

/** One end of a pair. Without link-local addresses nothing is announced or solicited, and nothing can be spoofed. */
function connect({ name, own, other, mac }: Connection, hasIpv6: boolean): string[] {
  return [
    `link set dev ${name} addrgenmode none`,
    `address add ${own.v4}/32 dev ${name}`,
    ...(hasIpv6 ? [`address add ${own.v6}/128 dev ${name} nodad`] : []),
    `link set ${name} up`,
    `neighbour add ${other.v4} lladdr ${mac} dev ${name} nud permanent`,
    ...(hasIpv6 ? [`neighbour add ${other.v6} lladdr ${mac} dev ${name} nud permanent`] : []),
  ];
}

function defaultRoutes(gateway: AddressPair, name: string, hasIpv6: boolean): string[] {
  return [
    `route add default via ${gateway.v4} dev ${name} onlink`,
    ...(hasIpv6 ? [`route add default via ${gateway.v6} dev ${name} onlink`] : []),
  ];
}

function routeTo({ name, addresses }: SlotPlace, hasIpv6: boolean): string[] {
  return [
    `link set dev ${name} addrgenmode none`,
    `link set ${name} up`,
    `neighbour add ${addresses.v4} lladdr ${LOWER_MAC} dev ${name} nud permanent`,
    `route add ${addresses.v4}/32 dev ${name}`,
    ...(hasIpv6
      ? [
          `neighbour add ${addresses.v6} lladdr ${LOWER_MAC} dev ${name} nud permanent`,
          `route add ${addresses.v6}/128 dev ${name}`,
        ]
      : []),
  ];
}

function forwardEverything(hasIpv6: boolean): string {
  const v6 = hasIpv6 ? '; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding' : '';
  return `echo 1 > /proc/sys/net/ipv4/ip_forward${v6}`;
}

function routerFile(folder: string): string {
  return `${folder}/router`;
}

function inRouter({ tools, folder }: ScriptContext): string {
  return `${tools.nsenter} --net=${routerFile(folder)} --`;
}

function script(lines: string[]): string {
  return ['set -eu', ...lines, ''].join('\n');
}

/** A command's standard input, word for word. */
function input(lines: readonly string[] | string): string {
  return `<<'END'\n${typeof lines === 'string' ? lines : lines.join('\n')}\nEND`;
}

function expandedInput(lines: readonly string[]): string {
  return `<<END\n${lines.join('\n')}\nEND`;
}
