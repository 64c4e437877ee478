import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSupervisorRequest } from '../../../src/main/supervisor/supervisor-requests.ts';

const parse = parseSupervisorRequest;
const SLOT = 'slot-abcdefghij23';

describe('a request to the supervisor', () => {
  it.each([
    { type: 'start-zygote', request: 1, runtime: 'nodejs', memoryMib: 128 },
    { type: 'start-builder', request: 0, memoryMib: 1024 },
    { type: 'specialise', slot: SLOT, deployment: 'dep-abcdefghij23' },
    { type: 'specialise', slot: SLOT, deployment: 'dep-abcdefghij23', bundle: 'a'.repeat(64) },
    { type: 'kill', slot: SLOT },
    { type: 'booted', slot: SLOT },
    { type: 'freeze', slot: SLOT },
    { type: 'thaw', slot: SLOT },
    { type: 'open-certificate', request: 1, certificate: 'abc123' },
    { type: 'add-master-key', request: 1 },
    { type: 'retire-master-keys', request: 2 },
  ])('is taken: $type', (request) => {
    expect(parse(request)).toEqual(request);
  });

  it('keeps no field that does not belong to it', () => {
    expect(parse({ type: 'kill', slot: SLOT, command: '/bin/sh' })).toEqual({
      type: 'kill',
      slot: SLOT,
    });
  });

  it.each([
    null,
    'kill',
    [],
    {},
    { type: 'exec', command: 'sh' },
    { type: 'start-zygote', request: 1, runtime: '../sh', memoryMib: 128 },
    { type: 'start-zygote', request: 1, runtime: 'nodejs', memoryMib: -1 },
    { type: 'start-zygote', request: 1, runtime: 'nodejs', memoryMib: 128.5 },
    { type: 'start-zygote', request: 1, runtime: 'nodejs', memoryMib: '128' },
    { type: 'start-zygote', request: -1, runtime: 'nodejs', memoryMib: 128 },
    { type: 'specialise', slot: SLOT, deployment: '../../etc/passwd' },
    { type: 'specialise', slot: SLOT, deployment: 'dep-abcdefghij23\n' },
    { type: 'specialise', slot: SLOT, deployment: ['dep-abcdefghij23'] },
    { type: 'specialise', slot: SLOT, deployment: 'dep-abcdefghij23', bundle: '../../etc' },
    { type: 'specialise', slot: '../x', deployment: 'dep-abcdefghij23' },
    { type: 'open-certificate', request: 1, certificate: '../sealed/dep-abcdefghij23' },
    { type: 'open-certificate', request: 1, certificate: 'a'.repeat(41) },
    { type: 'open-certificate', request: 1 },
    { type: 'kill', slot: 'slot-ABCDEFGHIJ23' },
    { type: 'kill' },
    { type: 'booted', slot: '../x' },
  ])('is refused: %j', (message) => {
    expect(parse(message)).toBe(null);
  });

  it('never throws, whatever arrives', () => {
    fc.assert(fc.property(fc.anything(), (message) => void parse(message)));
  });
});
