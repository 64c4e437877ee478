import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Answer, ask } from '../support/ask.ts';
import { eventually } from '../support/eventually.ts';
import { platformProcesses } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { keepAsking, type SteadyRequests } from '../support/steady-requests.ts';
import { usePlatform } from '../support/use-platform.ts';

/**
 * Functions that end over and over: who asks them is told to come again, their logs say why, and a neighbour that is
 * asked all the while notices nothing. (F7)
 */
const platform = usePlatform();
const DEADLINE_MS = 300_000;
/** After its push, which starts it as well; the other loop takes longer than this. */
const STARTS_FOR_MS = 20_000;
/** The starts of an app, at once and within the minutes that it takes to spend them. */
const MOST_STARTS = 256 + 120 * 5;
const CALLERS = 8;

/** Each worker answers once, and ends at its second request: none of them ever fails to start. */
const ENDS_AT_SECOND = `
  let asked = 0;
  exports.handler = async () => {
    asked += 1;
    if (asked > 1) process.exit(3);
    return 'once';
  };`;

/** Starts until then, and never again; ends when it is asked to. */
const endsAtStart = (atMs: number): string => `
  if (Date.now() > ${atMs}) process.exit(4);
  exports.handler = async ({ path }) => path === '/exit' ? process.exit(5) : 'started';`;

let neighbour: SteadyRequests;
let looping: TestRepository;
let failing: TestRepository;
let failsFromMs: number;
let ownPids: number[];

async function deploy(app: string, code: string): Promise<TestRepository> {
  const repository = await createRepository(platform(), app);
  await repository.commit({ 'index.cjs': code, 'fn.json': '{ "concurrency": 1 }' });
  const { code: exit, output } = await repository.push('main');
  expect(exit, output).toBe(0);
  return repository;
}

beforeAll(async () => {
  await deploy('good', "exports.handler = async () => 'neighbour';");
  looping = await deploy('looping', ENDS_AT_SECOND);
  failsFromMs = Date.now() + STARTS_FOR_MS;
  failing = await deploy('failing', endsAtStart(failsFromMs));
  ownPids = pids();
  neighbour = keepAsking(platform(), 'good', 'neighbour');
}, DEADLINE_MS);
afterAll(() => neighbour.stop());

function pids(): number[] {
  return platformProcesses(platform().pid)
    .map(({ pid }) => pid)
    .sort((a, b) => a - b);
}

const isRefusal = ({ status, headers }: Answer): boolean =>
  status === 503 && Number(headers['retry-after']) >= 1;

/** Asks from several sides until one of them is told to come again. */
async function askUntilRefused(app: string): Promise<Answer[]> {
  const answers: Answer[] = [];
  const caller = async (): Promise<void> => {
    while (!answers.some(isRefusal)) answers.push(await ask(platform(), app));
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return answers;
}

async function says(repository: TestRepository, line: string): Promise<void> {
  await eventually(async () => {
    expect((await repository.fn('logs', '--limit', '1000')).output).toContain(line);
  });
}

function nothingElseIsHarmed(): void {
  expect(neighbour.failures).toEqual([]);
  expect(pids()).toEqual(ownPids);
}

it(
  'an app whose workers end at each second request starts a bounded number of them',
  async () => {
    const answers = await askUntilRefused('looping');
    const ofStatus = (status: number): number =>
      answers.filter((answer) => answer.status === status).length;
    expect(ofStatus(200) + ofStatus(502) + answers.filter(isRefusal).length).toBe(answers.length);
    // Every worker has answered, and nearly every one has ended at its second request.
    expect(ofStatus(200)).toBeGreaterThan(200);
    expect(ofStatus(200)).toBeLessThan(MOST_STARTS);
    expect(ofStatus(502)).toBeGreaterThan(100);
    expect(answers.find(isRefusal)?.body).toContain('has started too many workers');
    await says(looping, 'the functions of this app have started more workers than they may (256');
    await says(looping, 'Worker exited with code 3');
    nothingElseIsHarmed();
    expect(neighbour.asked).toBeGreaterThan(100);
  },
  DEADLINE_MS,
);

it(
  'a function that ends at each start is tried ever more seldom, and served again when it is mended',
  async () => {
    await eventually(() => Date.now() > failsFromMs, 2 * STARTS_FOR_MS);
    expect(await ask(platform(), 'failing', { path: '/exit' })).toMatchObject({ status: 502 });
    const answers = await askUntilRefused('failing');
    const others = answers.filter((answer) => !isRefusal(answer));
    expect(others.filter(({ status }) => status !== 502)).toEqual([]);
    expect(answers.find(isRefusal)?.body).toContain('keeps failing to start');
    await says(failing, 'Worker exited with code 4');
    nothingElseIsHarmed();
    await failing.commit({ 'index.cjs': "exports.handler = async () => 'mended';" });
    expect(await failing.push('main')).toMatchObject({ code: 0 });
    expect(await ask(platform(), 'failing')).toMatchObject({ status: 200, body: 'mended' });
    nothingElseIsHarmed();
  },
  DEADLINE_MS,
);
