import { expect, it } from 'vitest';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const REGISTRY = 'https://npm.gitfn.invalid/';
const platform = usePlatform({ env: { FN_NPM_REGISTRY: REGISTRY } });

/** A lockfile whose packages nobody has; package managers ask for each of them again and again. */
function project(registry: string): Record<string, string> {
  const names = Array.from({ length: 60 }, (_, index) => `package-${index}`);
  const dependencies = Object.fromEntries(names.map((name) => [name, '1.0.0']));
  const app = { name: 'demo', version: '1.0.0', dependencies };
  const packages = names.map((name) => [
    `node_modules/${name}`,
    {
      version: '1.0.0',
      resolved: `${registry}${name}/-/${name}-1.0.0.tgz`,
      integrity: `sha512-${'A'.repeat(86)}==`,
    },
  ]);
  return {
    'package.json': JSON.stringify(app),
    'package-lock.json': JSON.stringify({
      ...app,
      lockfileVersion: 3,
      requires: true,
      packages: { '': app, ...(Object.fromEntries(packages) as object) },
    }),
    'index.js': 'export default () => new Response();\n',
  };
}

it('an installation whose registry cannot be reached is ended, and told why', async () => {
  const repository = await createRepository(platform(), 'unreached');
  await repository.commit(project(REGISTRY));
  // It would ask until the build's deadline; a push is waited for no longer than a minute here.
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(1);
  expect(output).toContain(
    `Builds do not reach the registry ${REGISTRY}: the build asked for npm.gitfn.invalid:443: its name cannot be resolved`,
  );
  expect(output).toContain('FN_BUILD_REGISTRIES in docs/configuration.md');
});

it('an installation that asks for a registry of its own that builds may not reach is ended', async () => {
  const repository = await createRepository(platform(), 'elsewhere');
  await repository.commit({
    ...project(REGISTRY),
    '.npmrc': 'registry=https://npm.elsewhere.invalid/\nreplace-registry-host=always\n',
  });
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(1);
  expect(output).toContain(
    'Builds do not reach the registry npm.elsewhere.invalid:443, which .npmrc names',
  );
  expect(output).toContain('FN_BUILD_REGISTRIES=https://npm.elsewhere.invalid/');
});
