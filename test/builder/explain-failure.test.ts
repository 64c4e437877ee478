import { expect, it } from 'vitest';
import { registriesIn } from '../../src/builder/install/named-registries.ts';
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
    named: registriesIn('registry=https://npm.elsewhere.example/npm/', '.npmrc'),
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

it('names the registry that the project names and builds do not reach, and what to do', () => {
  const { message, hint } = explained([
    'the build asked for npm.elsewhere.example:443: builds reach registry.npmjs.org only',
  ]);
  expect(message).toBe(
    'Builds do not reach the registry npm.elsewhere.example:443, which .npmrc names',
  );
  expect(hint).toContain('FN_BUILD_REGISTRIES=https://npm.elsewhere.example/');
});

it('takes what nobody named for the download of an install script', () => {
  const refusal = 'the build asked for binaries.example:443: builds reach registry.npmjs.org only';
  expect(explained([refusal]).message).toBe(`An install script was refused a download: ${refusal}`);
});

it.each([
  ['registry=https://npm.example.com/', 'npm.example.com:443'],
  ['  @acme:registry = "http://10.0.0.7:4873/"', '10.0.0.7:4873'],
  ['registry "https://npm.example.com:8443/x/"', 'npm.example.com:8443'],
  ['npmRegistryServer: "https://npm.example.com"', 'npm.example.com:443'],
  ['//npm.example.com/:_authToken=${NPM_TOKEN}', null],
  ['# registry=https://npm.example.com/', null],
  ['registry=https://[', null],
])('reads %s of a settings file', (line, address) => {
  const found = registriesIn(`save-exact=true\n${line}\n`, '.npmrc');
  expect(found.map((one) => one.address)).toEqual(address === null ? [] : [address]);
});
