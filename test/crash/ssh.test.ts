/** Control, which decides on all that comes over SSH, is killed between pushes and at each step of one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAILPOINTS, type FailpointName } from '../../src/std/failpoint.ts';
import { callControl } from '../support/control-api.ts';
import { eventually } from '../support/eventually.ts';
import { connectByHand } from '../support/hand-made-ssh-client.ts';
import { platformProcesses } from '../support/processes.ts';
import type { CommandResult } from '../support/repository.ts';
import { makeIdentity, sshPortOf, sshWords } from '../support/ssh-client.ts';
import { startStory, type StartedStory } from './start-story.ts';

const ada = makeIdentity();
let started: StartedStory;
let port: number;

beforeAll(async () => {
  started = await startStory('ssh-crashes', { FN_SSH_PORT: '0' });
  port = await sshPortOf(started.platform);
  const { repository } = started.story;
  const added = await repository.fn('keys', 'add', `${ada.file}.pub`);
  expect(added).toMatchObject({ code: 0 });
  const url = `ssh://git@127.0.0.1:${port}/ssh-crashes`;
  await repository.git('remote', 'set-url', '--push', 'fn', url);
  await repository.git('config', 'core.sshCommand', sshWords([ada]).join(' '));
});

afterAll(() => started?.[Symbol.asyncDispose]());

function killControl(): void {
  const found = platformProcesses(started.platform.pid).filter(({ commandLine }) =>
    commandLine.includes('/control.mjs'),
  );
  expect(found).toHaveLength(1);
  for (const { pid } of found) process.kill(pid, 'SIGKILL');
}

/** Git ended by itself, and says why where it did not go well. */
function expectAnswer({ code, output }: CommandResult): void {
  expect([0, 1, 128], output).toContain(code);
  if (code !== 0) expect(output).toMatch(WORDS);
}

const WORDS = /Permission denied \(publickey\)|try again in a moment/;

describe('while it is away', () => {
  it('a push is answered, and the next one goes through', async () => {
    const { story } = started;
    await story.commit();
    killControl();
    const pushed = await story.repository.push('main');
    expectAnswer(pushed);
    await story.settles(pushed);
    await story.pushAgain();
  });

  it('a connection stays open, and ends with its key as before', async () => {
    const { platform } = started;
    const eve = makeIdentity();
    const body = { publicKey: eve.publicKey };
    const added = await callControl(platform, '/keys', { method: 'POST', body });
    const { id } = JSON.parse(added.body) as { id: string };
    const { isClosed } = await connectByHand(port, eve);
    let hasEnded = false;
    void isClosed.then(() => (hasEnded = true));
    killControl();
    await eventually(async () => expect((await callControl(platform, '/keys')).status).toBe(200));
    expect(hasEnded).toBe(false);
    await callControl(platform, `/keys/${id}`, { method: 'DELETE' });
    await isClosed;
  });
});

/** Where the front stands, and asks control for something next. */
const ASKS_NEXT: FailpointName[] = [
  'git.push-admitted',
  'git.repository-ready',
  'git.quarantine-read',
  'git.refs-moved',
];
const STANDS: FailpointName[] = [
  'push.asked',
  'build.started',
  'push.warmed',
  'push.accepted',
  'release.begun',
  'release.uncommitted',
  'release.committed',
  'release.published',
];

describe('kill -9 of control', () => {
  it.each(STANDS)('at %s', { timeout: 240_000 }, async (point) => {
    const { story } = started;
    expect(FAILPOINTS[point]).toBe('control');
    await story.commit();
    const pushed = await story.crash(point, 'process', () => story.repository.push('main'));
    expectAnswer(pushed);
    await story.settles(pushed);
    await story.pushAgain();
  });

  it.each(ASKS_NEXT)('while the front is at %s', { timeout: 240_000 }, async (point) => {
    const { story, failpoints } = started;
    await story.commit();
    await failpoints.arm(point, 'hang');
    const pushing = story.repository.push('main');
    await failpoints.reached(point);
    killControl();
    await failpoints.clear();
    const pushed = await pushing;
    expectAnswer(pushed);
    await story.settles(pushed);
    await story.pushAgain();
  });
});
