import { expect, it } from 'vitest';
import { readEgressRules } from '../../src/model/egress-rule.ts';
import {
  type EgressNotice,
  openSeconds,
  type OpenEgressRequest,
} from '../../src/protocol/egress.ts';

it('messages arrive as they were sent, rules among them', () => {
  const rules = readEgressRules(['db.internal:5432', '*.partner.com:*', '[fd00::]/8:443']);
  const sources = ['198.18.0.2', 'fd00::2'];
  const messages: (EgressNotice | OpenEgressRequest)[] = [
    { type: 'slot-opened', app: 'shop', sources, rules, publicAllowed: true },
    { type: 'slot-channel', app: 'shop', slot: 'slot-aaaaaaaaaaaa', rules, publicAllowed: false },
    { type: 'open-egress', request: 1, source: '::1', address: '::2', port: null, seconds: 60 },
  ];
  expect(rules).toHaveLength(3);
  expect(JSON.parse(JSON.stringify(messages))).toEqual(messages);
});

it.each([
  [0, 60],
  [60.5, 61],
  [300, 300],
  [2 ** 31, 3_600],
])('an answer good for %d seconds is open for %d', (ttl, seconds) => {
  expect(openSeconds(ttl)).toBe(seconds);
});
