import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSshKey } from '../../src/model/ssh-key.ts';

/** Made by ssh-keygen of OpenSSH 9.2, each with the fingerprint that it printed. */
const KEYS = [
  [
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID9GE3L6fNRodK5kjP865VikFXtMfdo03bKH9Gl8LdEL',
    'SHA256:L/muzR0aiV+c78d3jqCvbKdzTZyuCJPHrr1V4eGYhX0',
  ],
  [
    'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBKeuc5HeAZDDtZJEpdr9DLK6d/vKXN8xiZjL6xY+L25kVTOcgmPFQ+u1ulTvy/oOIGq0Ha+iA5n1OKFnrRdAb+g=',
    'SHA256:u3rbSKtl2uq3IJFJECgHBZHulcdhG5bOvX+NejD09Cc',
  ],
  [
    'ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBIr7yUUu/w1JyMtT33lGAtyDeUJ3vVDFm/gSOVuZLU1Su+Qlhlpsa1I8dd+h+UcrXbycDhJ+MVsaL1kxdsjMJKpI6w6FgGoRnyNoHqWnkdsJXyfZynrS3qWWhD1K9ckTKg==',
    'SHA256:6SZNKd95BTE7Qe+73p9A7VtgDRTWk7LkIuEcHE9HtMk',
  ],
  [
    'ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBABKmsERKS3wgYAADyMHPCoMRB2BRStN15Cu/ltNf4cm3Vj6FhnGUT8x0Tpc/a2IMCkLGQ7XKyWpYFCZo3ogdWrLggFg5LnwwR6xdiX7M7Rkp3bB30WHvkBcbFG0PYlqfrzh7RCSd4FX7ydzO7qXBPeIZapJ63MW+8s2voGnrmK9hLFybQ==',
    'SHA256:2w9dHzBbBZ97fyVSnTF8ejpA+RhEY+SxJVsUAbAHIUk',
  ],
  [
    'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDCgBI8IPRgi+SDzvmdU+j/yaR05ijHTmPU4Mud3g251aY7okfLt3YdfWFa9XQ8JmLbaisuCUQtQzHL4jsTjVuyJdYASF6CXX89lYl9QDlLXEs+vstJXGFgOPq+XNZ9waPz0DuusF84z7KR0lfS6YpwVKM56KWMji7Mz7wjh1S4NuOpoa+7pW6Fko4DZtP14ihlXFf5lu0eY7/OsGRVHTvbixyKI+uVqqXLnQVtn9W5SZrVzpiqJSdufCaHGueEohkmGWIkgJFiluF20CP2KIm9WQbfpdymWkbErC4Tp4mYBGm8ZArLY0tTl0cRntum4KtaY76SZg4LtXTcSr0wVXLfZ5ief+avXSJdsKPM5/S3obUB3otU4zX6iG7M1OurkHJWOKkIh89//7Xu2AfRzto12r/iwtMj/sHBbNVzB1GscWmDnZ+a4V4fhD89fvOnuqQwUOiJHa3d1V6AAF2A8lC3nPeL/vaejf4X4OtzEwYssZ7lsWM69DCDVMGthLP9ErU=',
    'SHA256:Sibu0/KdjkdoWRMX/xrwDeiTjpvCQHu+oVUKjBdP+R0',
  ],
] as const;

const RSA_2048 =
  'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDmZcny5d8OmRbW+A91MtvcYcY5BWIfJgRmk2OfXG6rC1GI8O/pS7BqXJRxqWl55zPd7rVb3iN89jauabHnRDG4pJOBoWzXPeNPL/oV/rhY2kuyKh6QtJJPFPQ+ZS6DsmhKtuLvm2CAA1mC9vRasinoHy47ccYYXsgFhg0eIAYzzbU6UmIOKpzauJPfUpm7gVZ4VEjdQu4MkNoDGL5gxSpTM2q6S34O9I7lpgDeRQsHCzFZ6zSyVNtYTVU7ho6cxkzjzEiCOlLKjy1qPHpO8I5q8bt8Ad5dnvMQEjx98PwHN/JbmgxmJCCN/u1GJokkmk2Ugrha/D0pHmvltxmhsrqV';
const ED25519 = KEYS[0][0];
const P256 = KEYS[1][0];

/** A key of these fields. */
function keyOf(...fields: (string | Buffer)[]): string {
  const parts = fields.map((field) => {
    const bytes = Buffer.from(field);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  });
  return `${String(fields[0])} ${Buffer.concat(parts).toString('base64')}`;
}

function damaged(line: string, change: (blob: Buffer) => Buffer): string {
  const [algorithm = '', base64 = ''] = line.split(' ');
  return `${algorithm} ${change(Buffer.from(base64, 'base64')).toString('base64')}`;
}

describe('an SSH public key', () => {
  it.each(KEYS)(
    'is read, with the fingerprint that ssh-keygen prints: %.30s',
    (line, fingerprint) => {
      const key = parseSshKey(`${line} alice@laptop\n`);
      expect(key).toEqual({
        algorithm: line.split(' ')[0],
        publicKey: line,
        fingerprint,
        comment: 'alice@laptop',
      });
    },
  );

  it.each([
    ['', 'not one line'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nabc', 'private key'],
    [`command="rm -rf /" ${ED25519}`, 'not one line'],
    [`${ED25519} one\n${ED25519} two`, 'not one line'],
    [`${ED25519} \u001b[31mred`, 'not one line'],
    [ED25519.slice(0, -1), 'base64'],
    [ED25519.replace('ssh-ed25519', 'ssh-rsa'), 'another algorithm'],
    [damaged(ED25519, (blob) => blob.subarray(0, -1)), 'damaged'],
    [damaged(ED25519, (blob) => Buffer.concat([blob, Buffer.alloc(5)])), 'damaged'],
    [keyOf('ssh-ed25519', Buffer.alloc(31, 1)), 'damaged'],
    [keyOf('ssh-ed25519', Buffer.alloc(32, 1), 'more'), 'damaged'],
    [keyOf('ecdsa-sha2-nistp256', 'nistp384', Buffer.alloc(65, 4)), 'damaged'],
    [
      damaged(P256, (blob) => (blob.writeUInt8(blob.at(-1) === 0 ? 1 : 0, blob.length - 1), blob)),
      'curve',
    ],
    [keyOf('ssh-dss', 'x'), 'not taken'],
    [keyOf('sk-ssh-ed25519@openssh.com', Buffer.alloc(32), 'ssh:'), 'not taken'],
    [RSA_2048, '2048 bits'],
    [keyOf('ssh-rsa', Buffer.from([3]), Buffer.alloc(400, 0x7f)), 'exponent'],
    [keyOf('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(400, 0xff)), 'damaged'],
    [keyOf('ssh-rsa', Buffer.from([1, 0, 1]), Buffer.alloc(4000, 0x7f)), 'longer'],
    ['a'.repeat(10_000), 'longer'],
  ])('is refused, with the reason: %.40s', (line, reason) => {
    expect(parseSshKey(line)).toContain(reason);
  });

  it('is told from anything else without failing', () => {
    const text = fc.oneof(
      fc.string(),
      fc
        .uint8Array({ maxLength: 200 })
        .map((bytes) => `ssh-rsa ${Buffer.from(bytes).toString('base64')}`),
      fc
        .tuple(fc.constantFrom(...KEYS), fc.nat(), fc.nat(255))
        .map(([[line], at, byte]) =>
          damaged(line, (blob) => (blob.writeUInt8(byte, at % blob.length), blob)),
        ),
    );
    fc.assert(
      fc.property(text, (line) => {
        const key = parseSshKey(line);
        if (typeof key !== 'string') expect(key.fingerprint).toMatch(/^SHA256:[\w+/]{43}$/);
      }),
    );
  });
});
