import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deploymentFault, readSnapshotFile, releaseRunFault } from '../../src/router/index.ts';
import { servedDeployment, servedFunction } from '../support/function-code.ts';

const BUNDLE = 'b'.repeat(64);
const GOOD = servedDeployment({ bundle: BUNDLE });

async function read(content: string) {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-snapshot-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'snapshot.json');
  await writeFile(file, content);
  const refused: string[] = [];
  return { snapshot: await readSnapshotFile(file, (fault) => refused.push(fault)), refused };
}

const text = (fields: object) =>
  JSON.stringify({ generation: 3, apps: [], deployments: [GOOD], ...fields });

describe('the stored snapshot', () => {
  it('is read as it was written', async () => {
    const { snapshot, refused } = await read(text({}));
    expect(snapshot.deployments).toEqual([GOOD]);
    expect(refused).toEqual([]);
  });

  it('is read without the deployments that are none, and says why', async () => {
    const odd = {
      ...GOOD,
      id: 'dep-bcdefghij234',
      functions: [servedFunction({ timeoutMs: 2 ** 31 })],
    };
    const { snapshot, refused } = await read(text({ deployments: [odd, GOOD, GOOD] }));
    expect(snapshot.deployments).toEqual([GOOD]);
    expect(refused).toEqual([
      'dep-bcdefghij234: the deployment.functions[0].timeoutMs is 2147483648, no whole number from 1 to 2147483647',
      `${GOOD.id}: the deployment is there twice`,
    ]);
  });

  it.each([
    ['no JSON', '{"generation":', 'the snapshot is no object'],
    ['another object', '{}', 'the snapshot.generation is missing'],
    ['a list', '[]', 'the snapshot is no object'],
    ['half a number', text({ generation: 1.5 }), 'the snapshot.generation is 1.5'],
    [
      'apps that are none',
      text({ apps: [{ name: '../x' }] }),
      'the snapshot.apps[0].name is "../x"',
    ],
    [
      'deployments that are no list',
      text({ deployments: {} }),
      'the snapshot.deployments is no list',
    ],
  ])('is refused whole when it is %s', async (_, content, reason) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'data-folder',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining('written anew'),
    });
  });
});

describe('what control says of a deployment', () => {
  it('is as it was built, newer fields and all', () => {
    expect(deploymentFault({ ...GOOD, later: true })).toBeNull();
    const full = servedFunction({ path: '/users/:id', methods: ['GET'], event: 'lambda' });
    expect(deploymentFault({ ...GOOD, functions: [full], hasPublicFiles: true })).toBeNull();
  });

  it.each([
    [{ bundle: '../../etc' }, '.bundle is "../../etc"'],
    [{ id: 'dep-1' }, '.id is "dep-1"'],
    [{ version: -1 }, '.version is -1'],
    [{ kind: 'other' }, '.kind is "other"'],
    [{ functions: null }, '.functions is no list'],
    [{ functions: [servedFunction(), servedFunction()] }, '.functions has the same name twice'],
    [
      { functions: [servedFunction({ file: '../../x.js' })] },
      '.functions[0].file is "../../x.js", no file',
    ],
    [{ functions: [servedFunction({ memoryMib: Number.NaN })] }, '.functions[0].memoryMib is null'],
    [{ functions: [servedFunction({ concurrency: 0 })] }, '.functions[0].concurrency is 0'],
    [{ functions: [servedFunction({ path: 'users' })] }, '.functions[0].path must begin with "/"'],
    [{ functions: [servedFunction({ methods: ['get'] })] }, '.functions[0].methods[0] is "get"'],
  ])('is refused with %j', (fields, reason) => {
    expect(deploymentFault({ ...GOOD, ...fields })).toContain(`the deployment${reason}`);
  });

  it('names what is wrong with a release command', () => {
    const command = { entry: 'release.js', file: 'release.js', args: ['--all'] };
    const run = {
      deployment: GOOD.id,
      appName: GOOD.appName,
      bundle: BUNDLE,
      command,
      memoryMib: 256,
      timeoutMs: 1_000,
    };
    expect(releaseRunFault(run)).toBeNull();
    expect(releaseRunFault({ ...run, command: { ...command, file: '/etc/passwd' } })).toContain(
      'the release command.command.file is "/etc/passwd"',
    );
  });
});
