import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeSshHostKey } from '../../../src/main/config/new-ssh-host-key.ts';
import { loadSshHostKey } from '../../../src/main/config/ssh-host-key.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-host-key-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function keygen(...args: string[]): string {
  return spawnSync('ssh-keygen', args, { encoding: 'utf8' }).stdout.trim();
}

test('the key is made once, for its owner alone, and is what ssh-keygen reads of it', async () => {
  const made = await loadSshHostKey(folder);
  const path = join(folder, 'ssh-host-key');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(keygen('-y', '-P', '', '-f', path)).toBe(`${made.publicKey} gitfn`);
  expect(keygen('-lf', `${path}.pub`).split(' ')[1]).toBe(made.fingerprint);
  expect(await loadSshHostKey(folder)).toEqual(made);
});

test('a key is written whole, also one whose public half, or private half, begins with zero', async () => {
  const path = join(folder, 'ssh-host-key');
  for (const half of ['x', 'd'] as const) {
    const key = keyThatBeginsWithZero(half);
    await writeFile(path, encodeSshHostKey(key), { mode: 0o600 });
    const { publicKey } = await loadSshHostKey(folder);
    const point = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64').subarray(-32);
    expect(point.toString('base64url')).toBe(key.export({ format: 'jwk' }).x);
    expect(keygen('-y', '-P', '', '-f', path)).toBe(`${publicKey} gitfn`);
  }
});

/** One in 256 does. */
function keyThatBeginsWithZero(half: 'x' | 'd'): KeyObject {
  for (;;) {
    const { privateKey } = generateKeyPairSync('ed25519');
    const bytes = Buffer.from(privateKey.export({ format: 'jwk' })[half] ?? '', 'base64url');
    if (bytes[0] === 0) return privateKey;
  }
}

test("an operator's own ed25519 key is taken, and no other", async () => {
  const path = join(folder, 'ssh-host-key');
  keygen('-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', path);
  const line = (await readFile(`${path}.pub`, 'utf8')).trim();
  expect((await loadSshHostKey(folder)).publicKey).toBe(line);
  await chmod(path, 0o644);
  await expect(loadSshHostKey(folder)).rejects.toThrow('other users can read it');
  for (const options of [
    ['-t', 'ed25519', '-N', 'secret'],
    ['-t', 'ecdsa', '-N', ''],
  ]) {
    await rm(path);
    keygen('-q', ...options, '-f', path);
    await expect(loadSshHostKey(folder)).rejects.toThrow('holds no ed25519 key');
  }
  await writeFile(path, 'nothing', { mode: 0o600 });
  await expect(loadSshHostKey(folder)).rejects.toThrow('holds no ed25519 key');
});
