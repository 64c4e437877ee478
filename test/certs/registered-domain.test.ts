import { expect, it } from 'vitest';
import { registeredDomain } from '../../src/certs/registered-domain.ts';

it.each([
  ['fn.example.com', 'example.com'],
  ['*.fn.example.co.uk', 'example.co.uk'],
  ['example.com', 'example.com'],
  ['a.b.github.io', 'b.github.io'],
  ['xn--bcher-kva.example.de', 'example.de'],
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::7', '2001:db8::7'],
  ['co.uk', 'co.uk'],
  ['host.internal', 'host.internal'],
])('counts %s for %s', (name, counted) => {
  expect(registeredDomain(name)).toBe(counted);
});
