import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { connectByHand, execByHand, type HandMadeClient } from '../support/hand-made-ssh-client.ts';
import { gitOverSsh, makeIdentity, ssh, type SshResult } from '../support/ssh-client.ts';
import { holdPush } from './support/fake-control.ts';
import { startFront, type RunningFront } from './support/start-front.ts';

/** In the words of the client. */
const REFUSED =
  /^Unable to (request (X11|agent forwarding)|set environment|start subsystem)|Unable to bind|Channel open failure/;
const ada = makeIdentity();
const vera = makeIdentity();
const stranger = makeIdentity();
let front: RunningFront;
let folder: string;

beforeAll(async () => {
  front = await startFront({ isOverSsh: true });
  folder = await mkdtemp(join(tmpdir(), 'gitfn-ssh-'));
  await git('init', '-q', '-b', 'main');
  await git('config', 'user.name', 'Ada');
  await git('config', 'user.email', 'ada@example.com');
  await git('commit', '-q', '--allow-empty', '-m', 'First');
});
beforeEach(() => {
  front.control.tokens.set(ada.fingerprint, { role: 'admin' });
  front.control.tokens.set(vera.fingerprint, { role: 'viewer' });
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function git(...args: string[]): Promise<SshResult> {
  return gitOverSsh([ada], args, folder);
}

function urlOf(app: string): string {
  return `ssh://git@127.0.0.1:${front.sshPort}/${app}`;
}

describe('over SSH', () => {
  test('a push to a new name makes the app, and what it brought is fetched again', async () => {
    const pushed = await git('push', urlOf('hello'), 'main');
    expect(pushed).toMatchObject({ code: 0, output: expect.stringContaining('[new branch]') });
    expect(front.control.apps.has('hello')).toBe(true);
    expect(front.control.received.at(-1)).toMatchObject({
      principal: { tokenName: ada.fingerprint },
      from: { address: '127.0.0.1', userAgent: expect.stringMatching(/^ssh OpenSSH/) },
    });
    const copy = join(folder, 'copy');
    expect(await gitOverSsh([vera], ['clone', '-q', urlOf('hello.git'), copy])).toMatchObject({
      code: 0,
    });
    const again = await git('push', urlOf('hello'), 'main');
    expect(again.output).toContain('Everything up-to-date');
    expect(again.code).toBe(0);
    await git('push', urlOf('hello'), 'main:gone');
    const removed = await git('push', urlOf('hello'), ':gone');
    expect(removed).toMatchObject({ code: 0, output: expect.stringContaining('[deleted]') });
  });

  test('refs that nobody may push, and what the hook refuses, are told beside the ref', async () => {
    const refused = await git('push', urlOf('hello'), 'main:refs/live/production', 'main:new');
    expect(refused.code).toBe(1);
    expect(refused.output).toMatch(/! \[remote rejected\] main -> refs\/live\/production \(/);
    front.control.preReceive = async (_pushed, { progress }) => {
      progress({ line: ' !     not today' });
      return { accept: false };
    };
    const declined = await git('push', urlOf('hello'), 'main:other');
    front.control.preReceive = async () => ({ accept: true });
    expect(declined.output).toContain('remote:  !     not today');
    expect(declined.output).toContain('(pre-receive hook declined)');
    expect(declined.code).toBe(1);
  });

  test('who may not push is told so, and a foreign app looks like one that is not there', async () => {
    const pushed = await gitOverSsh([vera], ['push', urlOf('hello'), 'main:mine'], folder);
    expect(pushed).toMatchObject({ code: 128 });
    expect(pushed.output).toContain(' !     this token may only read\n');
    front.control.tokens.set(vera.fingerprint, { role: 'viewer', app: 'other' });
    const foreign = await gitOverSsh([vera], ['ls-remote', urlOf('hello')]);
    const absent = await gitOverSsh([vera], ['ls-remote', urlOf('absen')]);
    expect(foreign.output.replaceAll('hello', 'absen')).toBe(absent.output);
    expect(foreign.output).toContain('no app "hello"');
  });

  test('only known keys are let in, after any number of others that an agent has', async () => {
    const others = Array.from({ length: 5 }, () => makeIdentity());
    expect(await gitOverSsh([...others, ada], ['ls-remote', urlOf('hello')])).toMatchObject({
      code: 0,
    });
    expect(front.control.failedKeys).toEqual([]);
    const refused = await gitOverSsh([stranger], ['ls-remote', urlOf('hello')]);
    expect(refused.output).toContain('Permission denied (publickey)');
    await eventually(() => front.control.failedKeys.length === 1);
    const words = [
      '-o',
      'PubkeyAuthentication=no',
      '-o',
      'BatchMode=no',
      '-o',
      'NumberOfPasswordPrompts=1',
    ];
    expect((await ssh(front.sshPort, [], { options: words })).output).toContain(
      'Permission denied (publickey)',
    );
  });

  test('RSA signs with SHA-2 alone', async () => {
    const rsa = makeIdentity('rsa', '-b', '3072');
    front.control.tokens.set(rsa.fingerprint, { role: 'viewer' });
    const list = (options: string[]) =>
      ssh(front.sshPort, [rsa], { options, command: ["git-upload-pack '/hello'"] });
    expect((await list([])).output).toContain('refs/heads/main');
    const old = ['-o', 'PubkeyAcceptedAlgorithms=ssh-rsa'];
    expect((await list(old)).output).toContain('Permission denied (publickey)');
  });

  test('a key that is known no more ends what it has open', async () => {
    const open = ssh(front.sshPort, [vera], { options: ['-N'] });
    let hasEnded = false;
    void open.then(() => (hasEnded = true));
    const other = await gitOverSsh([ada], ['ls-remote', urlOf('hello')]);
    expect(other.code).toBe(0);
    expect(hasEnded).toBe(false);
    front.control.tokens.delete(vera.fingerprint);
    await eventually(() => hasEnded);
  });
});

test('a push under way when the front is told to stop ends well, and its client is told so', async () => {
  await using own = await startFront({ isOverSsh: true });
  own.control.tokens.set(ada.fingerprint, { role: 'admin' });
  const { begun, goOn } = holdPush(own.control);
  const pushing = git('push', `ssh://git@127.0.0.1:${own.sshPort}/stopped`, 'main');
  await begun;
  const stopped = own.stop();
  goOn();
  expect(await pushing).toMatchObject({ code: 0 });
  expect(await stopped).toBe(0);
});

describe('all that is neither push nor fetch is refused', () => {
  test.each([
    'sh',
    "git-upload-archive '/hello'",
    "git-receive-pack '../hello'",
    "git-receive-pack '/hello/../other'",
    "git-receive-pack '/hello'; id",
    "git-receive-pack '/hel''lo'",
    "git-receive-pack '/hello'\nid",
    'git-receive-pack /hello',
    'git-receive-pack "/hello"',
    "git-upload-pack --upload-pack=id '/hello'",
    "git-upload-pack '--strict'",
    "git upload-pack '/hello' '/hello'",
    "git-receive-pack '/HELLO'",
    "git-receive-pack '/api'",
    `git-receive-pack '/${'a'.repeat(20_000)}'`,
  ])('%s', async (command) => {
    const { code, output } = await ssh(front.sshPort, [ada], { command: [command] });
    expect(output).toMatch(/only git push and git fetch are answered here|no git repository here/);
    expect(code).toBe(1);
    expect(await front.gitProcesses()).toEqual([]);
  });

  test.each([
    ['a shell', [], 'shell request failed'],
    ['a terminal', ['-tt'], 'PTY allocation request failed'],
    ['sftp', ['-s'], 'subsystem request failed', ['sftp']],
    [
      'forwarding from there',
      ['-N', '-o', 'ExitOnForwardFailure=yes', '-R', '0:127.0.0.1:22'],
      'forwarding failed',
    ],
    ['forwarding to there', ['-W', '127.0.0.1:22'], 'stdio forwarding failed'],
  ])('%s', async (_what, options, words, command: string[] = []) => {
    const { code, output } = await ssh(front.sshPort, [ada], { options, command });
    expect(output).toContain(words);
    expect(code).not.toBe(0);
  });

  const FETCH = "git-upload-pack '/hello'";
  const ASKED: Record<string, (client: HandMadeClient, done: (error?: Error) => void) => void> = {
    'X11 forwarding': (client, done) => client.exec(FETCH, { x11: true }, done),
    'agent forwarding': (client, done) => client.exec(FETCH, { agentForward: true }, done),
    'a variable': (client, done) => client.sftp({ GIT_TRACE: '1' }, done),
    'another subsystem': (client, done) => client.subsys('netconf', done),
    'a socket from there': (client, done) => client.openssh_forwardInStreamLocal('/tmp/x', done),
    'a socket to there': (client, done) => client.openssh_forwardOutStreamLocal('/tmp/x', done),
  };

  test.each(Object.entries(ASKED))('%s, and git is still answered', async (_what, askFor) => {
    const { client } = await connectByHand(front.sshPort, ada);
    const error = await new Promise<Error | undefined>((resolve) => askFor(client, resolve));
    expect(error?.message).toMatch(REFUSED);
    const stream = await execByHand(client, FETCH);
    const [refs] = (await once(stream, 'data')) as [Buffer];
    expect(refs.toString()).toContain('refs/heads/main');
    client.end();
  });

  test('what is refused silently leaves a fetch as it is', async () => {
    const { code, output } = await ssh(front.sshPort, [ada], {
      options: [
        '-v',
        '-A',
        '-o',
        'LogLevel=DEBUG1',
        '-o',
        'SetEnv=GIT_PROTOCOL=version=2 GIT_TRACE=1',
      ],
      command: ["git-upload-pack '/hello'"],
    });
    // The first version lists the refs at once.
    expect(output).toContain('refs/heads/main');
    expect(output).not.toContain('eversion 2');
    expect(output).not.toContain('trace: ');
    expect(code).not.toBe(255);
  });

  test.each([
    ['kex', 'KexAlgorithms=diffie-hellman-group14-sha1'],
    ['cipher', 'Ciphers=aes128-cbc'],
    ['mac', 'Macs=hmac-sha1'],
    ['host key', 'HostKeyAlgorithms=ssh-rsa'],
  ])('a weak %s', async (_what, option) => {
    const options = ['-o', 'LogLevel=INFO', '-o', option];
    if (option.startsWith('Macs')) options.push('-o', 'Ciphers=aes128-ctr');
    const { code, output } = await ssh(front.sshPort, [ada], { options });
    expect(output).toMatch(/no matching .* found/);
    expect(code).toBe(255);
  });
});
