import { describe, expect, it } from 'vitest';
import {
  answerTo,
  parseEgressRequest,
} from '../../../../src/main/supervisor/network/egress-requests.ts';
import type { OpenEgressRequest } from '../../../../src/protocol/egress.ts';

const REQUEST: OpenEgressRequest = {
  type: 'open-egress',
  request: 7,
  source: '198.18.0.9',
  address: '10.1.2.3',
  port: 5432,
  seconds: 30,
};

describe('what the egress process asks', () => {
  it('is taken when it is complete, and nothing else of it', () => {
    expect(parseEgressRequest({ ...REQUEST, command: 'rm' })).toEqual(REQUEST);
    expect(parseEgressRequest({ ...REQUEST, port: null })?.port).toBeNull();
  });

  it.each([
    ['no object', 'open-egress'],
    ['another type', { ...REQUEST, type: 'specialise' }],
    ['words in an address', { ...REQUEST, address: '10.0.0.1 } ; flush ruleset' }],
    ['a name instead of an address', { ...REQUEST, address: 'db.internal' }],
    ['a zone', { ...REQUEST, source: 'fe80::1', address: 'fe80::1%eth0' }],
    ['two families', { ...REQUEST, address: 'fd00::1' }],
    ['port 0', { ...REQUEST, port: 0 }],
    ['a port as text', { ...REQUEST, port: '5432' }],
    ['no port at all', { ...REQUEST, port: undefined }],
    ['a fraction of a second', { ...REQUEST, seconds: 0.5 }],
    ['for ever', { ...REQUEST, seconds: Infinity }],
    ['a negative number', { ...REQUEST, request: -1 }],
  ])('is refused with %s', (_what, message) => {
    expect(parseEgressRequest(message)).toBeNull();
  });

  it('is answered under its own number', () => {
    expect(answerTo(REQUEST, null)).toEqual({ type: 'egress-opened', request: 7 });
    const refused = { type: 'egress-refused', request: 7, reason: 'no such slot' };
    expect(answerTo(REQUEST, 'no such slot')).toEqual(refused);
  });
});
