import { describe, expect, it } from 'vitest';
import { BLOCKS, planAddresses } from '../../src/network/address-plan.ts';
import { openedElement, rangeElements, withTimeout } from '../../src/network/elements.ts';
import { hostRuleset, routerRuleset, uplinkName } from '../../src/network/rulesets.ts';
import type { EgressRule } from '../../src/model/egress-rule.ts';
import { classifyAddress } from '../../src/std/ip-address.ts';

const PLAN = planAddresses(3);
const SOURCE = PLAN.slot(0);

describe('the addresses of sandboxes', () => {
  it('are of networks that nobody wants to reach, and of no two instances', () => {
    const seen = new Set<string>();
    for (let block = 0; block < BLOCKS; block += 1) {
      const plan = planAddresses(block);
      for (const { v4, v6 } of [
        plan.machine,
        plan.router,
        plan.slot(0),
        plan.slot(plan.slots - 1),
      ]) {
        expect(classifyAddress(v4)).toBe('benchmark');
        expect(classifyAddress(v6)).toBe('unique-local');
        seen.add(v4).add(v6);
      }
      expect(uplinkName(block).length).toBeLessThanOrEqual(15);
    }
    expect(seen.size).toBe(BLOCKS * 8);
    expect(planAddresses(BLOCKS - 1).slot(4_078).v4).toBe('198.19.255.254');
  });

  it('rest until all others had their turn', () => {
    const all = Array.from({ length: PLAN.slots }, (_, index) => PLAN.slot(index).v4);
    expect(new Set(all).size).toBe(PLAN.slots);
    expect(PLAN.slot(PLAN.slots)).toEqual(SOURCE);
    expect(all).not.toContain(PLAN.machine.v4);
  });
});

describe('the filter', () => {
  it('ends with a refusal where public addresses are closed', () => {
    expect(routerRuleset(PLAN, { isPublicAllowed: true })).toMatch(/goto refuse\n +accept\n/);
    const closed = routerRuleset(PLAN, { isPublicAllowed: false });
    expect(closed).toMatch(/goto refuse\n +goto refuse\n/);
  });

  it('lets in to the machine what asks for names, and nothing else by itself', () => {
    const accepted = hostRuleset(PLAN)
      .match(/.*(?<!policy )accept$/gm)
      ?.map((line) => line.trim());
    expect(accepted?.filter((line) => !line.includes('ranges'))).toEqual([
      'ct state established,related accept',
      'ip saddr 198.18.48.0/20 ip daddr 198.18.48.1 th dport 53 accept',
      'ip6 saddr fd67:6974:666e:3::/64 ip6 daddr fd67:6974:666e:3::1 th dport 53 accept',
      'oifname "gitfn3" ct state established,related accept',
    ]);
  });
});

describe('what is opened for one sandbox', () => {
  const rule = (host: string, port: number | null): EgressRule => ({ host, port });

  it('has its own address before the other', () => {
    expect(openedElement(SOURCE, { address: '10.0.0.7', port: 80 })).toBe(
      'openedv4 { 198.18.48.16 . 10.0.0.7 . 80 }',
    );
    const element = openedElement(SOURCE, { address: 'fd00::7', port: null });
    expect(withTimeout(element, 60)).toBe(
      'openedAllv6 { fd67:6974:666e:3::10 . fd00::7 timeout 60s }',
    );
  });

  it('are the networks of its rules, without those within others, and no names', () => {
    const rules = [
      rule('10.0.0.0/8', 80),
      rule('10.1.0.0/16', 80),
      rule('10.1.0.0/16', 443),
      rule('10.1.0.0/16', 443),
      rule('fd00::/8', null),
      rule('fd00::7', 80),
      rule('db.internal', 80),
      rule('*.internal', null),
    ];
    expect(rangeElements(SOURCE, rules)).toEqual([
      'rangesv4 { 198.18.48.16 . 10.0.0.0/8 . 80 }',
      'rangesv4 { 198.18.48.16 . 10.1.0.0/16 . 443 }',
      'rangesAllv6 { fd67:6974:666e:3::10 . fd00::/8 }',
    ]);
  });
});
