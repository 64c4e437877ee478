import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Refusal } from '../../src/git/refusal.ts';
import { parseCommand } from '../../src/git/ssh/command.ts';
import { readOffer } from '../../src/git/ssh/key-proof.ts';
import { ConnectionCounts } from '../../src/git/ssh/connection-counts.ts';

test.each([
  ["git-receive-pack '/hello'", 'receive-pack'],
  ["git-upload-pack 'hello.git'", 'upload-pack'],
  ["git upload-pack '/hello.git/'", 'upload-pack'],
])('%s is taken', (command, service) => {
  expect(parseCommand(command)).toEqual({ appName: 'hello', service, kind: 'session' });
});

test.each([
  "git-receive-pack '/hello\0'",
  "git-receive-pack '/hello'\0",
  "git-receive-pack '/ssh'",
  '',
])('%j is refused', (command) => {
  expect(() => parseCommand(command)).toThrow(Refusal);
});

test('nothing but an app has a name in a command that is taken', () => {
  const word = fc.string({
    unit: fc.constantFrom(...'git-recvpack upload/.\'"\n\0$;a1é'.split('')),
    maxLength: 40,
  });
  const command = fc.oneof(
    word,
    word.map((path) => `git-upload-pack '${path}'`),
  );
  fc.assert(
    fc.property(command, (text) => {
      try {
        expect(parseCommand(text).appName).toMatch(/^[a-z][a-z0-9-]*$/);
      } catch (error) {
        expect(error).toBeInstanceOf(Refusal);
      }
    }),
  );
});

test('who has shown a key leaves the place of a stranger, and each place is given back once', () => {
  const counts = new ConnectionCounts({
    connections: { overall: 3, perNetwork: 2 },
    strangers: { overall: 2, perNetwork: 1 },
  });
  const first = counts.enter('a');
  expect(counts.enter('a')).toBeNull();
  const second = counts.enter('b');
  expect(counts.enter('c')).toBeNull();
  first?.known();
  first?.known();
  const third = counts.enter('a');
  third?.known();
  expect(counts.enter('a')).toBeNull();
  expect(counts.enter('c')).toBeNull();
  second?.leave();
  second?.leave();
  expect(counts.enter('a')).toBeNull();
  expect(counts.enter('c')).not.toBeNull();
});

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A key as a client offers it, with the private half that it should have. */
function newKey() {
  const { privateKey } = generateKeyPairSync('ed25519');
  const point = Buffer.from(privateKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  const data = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(point)]);
  return { privateKey, key: { algo: 'ssh-ed25519', data } };
}

test('a key is shown by a signature of its own, of this connection, and by nothing else', () => {
  const { privateKey, key } = newKey();
  const blob = randomBytes(100);
  const signature = sign(null, blob, privateKey);
  const base = { method: 'publickey', key, accept() {}, reject() {} } as const;
  const kindOf = (rest: object) => readOffer({ ...base, ...rest })?.kind;

  expect(kindOf({})).toBe('question');
  expect(kindOf({ signature })).toBe('question');
  expect(kindOf({ signature, blob })).toBe('proof');
  expect(kindOf({ signature, blob: randomBytes(100) })).toBe('forgery');
  expect(kindOf({ signature: sign(null, blob, newKey().privateKey), blob })).toBe('forgery');
  expect(kindOf({ signature: Buffer.alloc(0), blob })).toBe('forgery');
  expect(kindOf({ signature: randomBytes(64), blob })).toBe('forgery');
  const damaged = { algo: 'ssh-ed25519', data: key.data.subarray(0, 20) };
  expect(kindOf({ key: damaged, signature, blob })).toBe('forgery');
  const other = { algo: 'ecdsa-sha2-nistp256', data: key.data };
  expect(kindOf({ key: other, signature, blob })).toBe('forgery');
  expect(kindOf({ key: { algo: 'ssh-dss', data: key.data }, signature, blob })).toBeUndefined();
});
