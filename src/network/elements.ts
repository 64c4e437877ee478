/** What is let through for one sandbox, as elements of the sets of rulesets.ts: `<set> { <element> }`. */
import { isIP } from 'node:net';
import { type EgressRule, formatEgressRule, isWithin } from '../model/egress-rule.ts';
import type { AddressPair } from './address-plan.ts';

/** Of the rules that are addresses or networks. A set refuses what overlaps, so what lies within another is left out. */
export function rangeElements(source: AddressPair, rules: readonly EgressRule[]): string[] {
  const networks = rules.filter(({ host }) => isIP(host.split('/')[0] ?? '') !== 0);
  const distinct = [...new Map(networks.map((rule) => [formatEgressRule(rule), rule])).values()];
  return distinct
    .filter(
      (rule) =>
        !isWithin(
          rule,
          distinct.filter((other) => other !== rule),
        ),
    )
    .map(({ host, port }) => {
      const [from, family] = host.includes(':') ? [source.v6, 'v6'] : [source.v4, 'v4'];
      if (port === null) return `rangesAll${family} { ${from} . ${host} }`;
      return `ranges${family} { ${from} . ${host} . ${port} }`;
    });
}

interface Target {
  address: string;
  /** Null is every port. */
  port: number | null;
}

/** Of what a name was found to mean. */
export function openedElement(source: AddressPair, { address, port }: Target): string {
  const [from, family] = isIP(address) === 6 ? [source.v6, 'v6'] : [source.v4, 'v4'];
  if (port === null) return `openedAll${family} { ${from} . ${address} }`;
  return `opened${family} { ${from} . ${address} . ${port} }`;
}

/** The same element, gone by itself after a time. */
export function withTimeout(element: string, seconds: number): string {
  return element.replace(/ \}$/, ` timeout ${seconds}s }`);
}
