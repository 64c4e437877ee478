import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { startPlatform } from '../support/platform.ts';
import { platformProcesses } from '../support/processes.ts';
import { createRepository } from '../support/repository.ts';
import { sendSignal } from '../support/signals.ts';

it.each([
  ['cut short', (whole: string) => whole.slice(0, -20), 'the stored routes are refused'],
  [
    'changed',
    (whole: string) => whole.replace(/"bundle":"[^"]+"/, '"bundle":"../../etc"'),
    'a deployment is left out of the routes',
  ],
])(
  'routes that were %s keep nothing from starting, and are written anew',
  async (_, damage, said) => {
    await using platform = await startPlatform();
    const repository = await createRepository(platform, 'hello');
    await repository.commit({ 'index.js': 'export const handler = async () => "served";' });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    await platform.stop();
    const file = join(platform.dataDir, 'routes/snapshot.json');
    await writeFile(file, damage(await readFile(file, 'utf8')));
    await platform.restart();
    expect(platform.output()).toContain(said);
    await eventually(async () => {
      expect(await ask(platform, 'hello')).toMatchObject({ status: 200, body: 'served' });
    });
  },
);

it.each([
  ['cut short', (whole: string) => whole.slice(0, -20)],
  ['robbed of a deployment', (whole: string) => whole.replace(/"bundle":"[^"]+"/, '"bundle":""')],
])('a door that starts alone onto routes that were %s has them written anew', async (_, damage) => {
  await using platform = await startPlatform();
  const repository = await createRepository(platform, 'hello');
  await repository.commit({ 'index.js': 'export const handler = async () => "served";' });
  expect(await repository.push('main')).toMatchObject({ code: 0 });
  const file = join(platform.dataDir, 'routes/snapshot.json');
  const whole = await readFile(file, 'utf8');
  await writeFile(file, damage(whole));
  const data = platformProcesses(platform.pid).find(({ commandLine }) =>
    commandLine.endsWith('programs/data.mjs'),
  );
  sendSignal(data, 'SIGKILL');
  await eventually(async () => {
    expect(await ask(platform, 'hello')).toMatchObject({ status: 200, body: 'served' });
  });
  const { deployments } = JSON.parse(whole) as { deployments: unknown };
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ deployments });
});
