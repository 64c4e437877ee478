import { join } from 'node:path';
import { expect, it } from 'vitest';
import { callControl } from '../support/control-api.ts';
import { dumpDatabase, dumpFolder } from '../support/dump.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform({ env: { VERBOSE: 'true' } });
/** The operator's, beside the data folder's other secrets: its owner alone can read it. */
const KEPT = 'admin-token';

async function create(request: object): Promise<string> {
  const { status, body } = await callControl(platform(), '/tokens', {
    method: 'POST',
    body: request,
  });
  expect(status, body).toBe(201);
  return (JSON.parse(body) as { token: string }).token;
}

it('keeps no token that it has given, or was shown', async () => {
  const repository = await createRepository(platform(), 'kept');
  await repository.commit({ 'index.js': "export default () => new Response('hello');" });
  await repository.push('main');
  const tokens = [
    platform().adminToken,
    await create({ name: 'person', kind: 'personal', role: 'viewer' }),
    await create({ name: 'job', kind: 'ci', apps: ['kept'] }),
    await create({ name: 'robot', kind: 'service', apps: ['kept'], can: ['function.invoke'] }),
  ];
  const wrong = `fn_${'a'.repeat(40)}`;
  for (const token of [...tokens, wrong]) {
    await callControl(platform(), '/apps/kept', { token });
    // What a function is sent is the function's; what the platform writes of it is not.
    await callControl(platform(), '/functions/kept/invoke', { token, method: 'POST', body: {} });
  }
  const output = platform().output();
  const dump = await dumpDatabase(platform());
  await platform().stop();
  const files = await dumpFolder(
    platform().dataDir,
    (path) => path !== join(platform().dataDir, KEPT),
  );
  for (const token of [...tokens, wrong]) {
    for (const [what, text] of Object.entries({ output, dump, files })) {
      expect(text.includes(token), `${what} has ${token.slice(0, 8)}`).toBe(false);
      expect(text.includes(Buffer.from(token).toString('base64')), `${what} in base64`).toBe(false);
    }
  }
  // The search finds what is there.
  expect(await dumpFolder(platform().dataDir)).toContain(platform().adminToken);
});
