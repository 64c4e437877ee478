import { expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { createRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
const DEPLOYS = 5;
const CLIENTS = 4;

it('no request fails, and none is answered by an old version once its successor was reported', async () => {
  const repository = await createRepository(platform(), 'swapped');
  let reportedVersion = 0;
  const deploy = async (text: string): Promise<void> => {
    const code = `export const handler = async () => ({ statusCode: 200, body: '${text}' });\n`;
    await repository.commit({ 'index.ts': code });
    expect(await repository.push('main')).toMatchObject({ code: 0 });
    reportedVersion++;
  };
  await deploy('deploy 1');

  const stopping = new AbortController();
  let answered = 0;
  const problems: unknown[] = [];
  const client = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const reportedBefore = reportedVersion;
      const { status, body, headers } = await ask(platform(), 'swapped');
      const version = Number(/^v(\d+)$/.exec(String(headers['x-fn-version']))?.[1]);
      // The last release is a rollback: it serves the text of the version before.
      const text = `deploy ${version > DEPLOYS ? DEPLOYS - 1 : version}`;
      const isRight = status === 200 && body === text && version >= reportedBefore;
      if (!isRight) problems.push({ status, body, version, reportedBefore });
      answered++;
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  for (let number = 2; number <= DEPLOYS; number++) await deploy(`deploy ${number}`);
  expect(await repository.fn('rollback')).toMatchObject({ code: 0 });
  reportedVersion++;
  expect((await ask(platform(), 'swapped')).body).toBe(`deploy ${DEPLOYS - 1}`);
  stopping.abort();
  await Promise.all(clients);
  expect(problems).toEqual([]);
  expect(answered).toBeGreaterThan(DEPLOYS * CLIENTS);
});
