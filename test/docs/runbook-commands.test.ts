/** What docs/runbook.md tells an operator to type is typed here; what can't be says why. */
import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { databaseUrl } from '../support/database-url.ts';
import { useLocalHttps } from '../support/local-https.ts';
import { FN, type TestRepository } from '../support/repository.ts';

const page = await readFile(resolve(import.meta.dirname, '../../docs/runbook.md'), 'utf8');
const COMMAND = /^(?:[A-Z_]+=\S+ )?(?:curl|fn|git|psql|df|npm|chmod|chown|swapoff) ./;
const DEADLINE_MS = 60_000;
const NAME = 'www.example.org';

/** Read as an operator reads them: blocks line by line without what is said behind `#`, and what stands in a sentence. */
const written = [
  ...[...page.matchAll(/^```\n(.*?)^```$/gms)].flatMap(([, block = '']) => block.split('\n')),
  ...[...page.replaceAll(/^```.*?^```$/gms, '').matchAll(/`([^`]+)`/g)].map(
    ([, text = '']) => text,
  ),
].map((text) => text.replace(/ +#.*/, ''));
const commands = [...new Set(written.filter((text) => COMMAND.test(text)))];

/** What they print when all is well, in the order in which they can be typed one after another. */
const TYPED: Record<string, RegExp> = {
  'curl -s http://localhost:3000/readyz': /"degraded":\[\]/,
  'fn doctor': /^ok +node /m,
  'fn doctor --deep': /all agree/,
  'git ls-remote fn': /refs\/heads\/main$/m,
  'fn certificates list': /./,
  [`psql "$DATABASE_URL" -c 'SHOW transaction_read_only'`]: /^ off$/m,
  'df -h': /^Filesystem/,
  'fn domains list --app APP': new RegExp(NAME),
  'fn domains remove NAME --app APP': /./,
  'fn apps delete APP': /./,
};

const NOT_TYPED: Record<string, string> = {
  'git push': 'every other test does',
  'git fetch': 'named as what does not answer',
  'npm ci': 'how this project was installed',
  'chmod 600': 'the finding prints it with its file',
  'swapoff -a': 'it would change this machine',
  'VERBOSE=true fn server': 'a server that stays; test/main tries it',
  'DATABASE_URL=postgresql://… fn server': 'a server that stays; test/faults tries it',
};

const server = useLocalHttps();
let shop: TestRepository;

beforeAll(async () => {
  shop = await server().createRepository('shop');
  await shop.commit({ 'index.js': `export default () => new Response('here');\n` });
  expect((await shop.push('main')).code).toBe(0);
  expect((await shop.fn('domains', 'add', NAME)).output).toContain(NAME);
  await symlink(server().platform.dataDir, join(shop.folder, '.fn'));
});

it('names each command that the page has, and none that it has not', () => {
  const sorted = (names: string[]): string[] =>
    names.sort((one, other) => one.localeCompare(other));
  expect(sorted([...commands])).toEqual(sorted([...Object.keys(TYPED), ...Object.keys(NOT_TYPED)]));
});

it.each(Object.entries(TYPED))('%s', async (command, printed) => {
  const typed = command
    .replace('localhost:3000', `127.0.0.1:${server().platform.port}`)
    .replace('APP', 'shop')
    .replace('NAME', NAME);
  const output = await run(typed);
  expect(output).toMatch(printed);
});

/** @throws when it ends with another code than 0, with what it has printed */
async function run(command: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], {
    cwd: shop.folder,
    env: {
      PATH: `${resolve(FN, '..')}:${process.env['PATH'] ?? ''}`,
      HOME: resolve(shop.folder, '..'),
      DATABASE_URL: databaseUrl(server().platform, 'postgres'),
    },
    timeout: DEADLINE_MS,
  });
  return stdout + stderr;
}
