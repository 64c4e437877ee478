import { expect, it } from 'vitest';
import { parseFleetRequest } from '../../../src/main/supervisor/fleet-requests.ts';

const OF = 'dep-abcdefghijkl/main';
const CLAIM = { type: 'claim', claim: 1, app: 'shop', of: OF, memoryMib: 128, isOwed: false };
const BACK_OFF = { type: 'backs-off', of: OF, failures: 3, forMs: 250 };

it.each([CLAIM, { type: 'unclaim', claim: 1 }, BACK_OFF])(
  'what data processes tell one another is read: $type',
  (message) => {
    expect(parseFleetRequest({ ...message, more: '/etc/passwd' })).toEqual(message);
  },
);

it.each([
  null,
  'claim',
  { type: 'kill', slot: 'slot-abcdefghijkl' },
  { ...CLAIM, claim: -1 },
  { ...CLAIM, app: '../shop' },
  { ...CLAIM, of: 'dep-abcdefghijkl/../x' },
  { ...CLAIM, memoryMib: '128' },
  { ...CLAIM, isOwed: 1 },
  { type: 'unclaim', claim: 1.5 },
  { ...BACK_OFF, of: 'main' },
  { ...BACK_OFF, forMs: 1e9 },
  { ...BACK_OFF, failures: 1e9 },
])('anything else is not: %j', (message) => {
  expect(parseFleetRequest(message)).toBeNull();
});
