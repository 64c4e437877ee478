import { expect, it } from 'vitest';
import { explainInstallFailure } from '../../src/builder/install/explain-failure.ts';

const REGISTRY = 'https://registry.npmjs.org/';
const FORBIDDEN = [
  'npm error code E403',
  'npm error 403 403 Forbidden - GET https://registry.npmjs.org/left-pad',
];

function explained(refusals: string[]) {
  return explainInstallFailure({
    title: 'npm ci',
    detected: { client: 'npm', folder: '/', lockfile: 'package-lock.json' },
    end: { code: 1, signal: null, tail: FORBIDDEN, elapsedMs: 1 },
    registry: REGISTRY,
    refusals,
    diskMib: 100,
    memoryMib: 100,
  });
}

it.each([
  'its name leads to an address that builds do not reach',
  'its name cannot be resolved (EAI_AGAIN)',
])('does not take its own refusal for one of the registry: %s', (reason) => {
  const { message, hint } = explained([`registry.npmjs.org:443: ${reason}`]);
  expect(message).toBe(
    `Builds do not reach the registry ${REGISTRY}: registry.npmjs.org:443: ${reason}`,
  );
  expect(hint).toContain('FN_BUILD_REGISTRIES');
});

it('asks for a token when the registry itself refuses', () => {
  expect(explained([]).message).toContain('left-pad to nobody without a token');
});
