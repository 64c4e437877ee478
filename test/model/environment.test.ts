import { describe, expect, it } from 'vitest';
import {
  defaultValueKind,
  effectiveEnvironment,
  environmentNameProblem,
  environmentSizeProblem,
  environmentValueProblem,
  MAX_VALUE_BYTES,
  parseScope,
  type EnvironmentEntry,
  type Scope,
} from '../../src/model/environment.ts';

function entry(name: string, scope: Scope, value: string): EnvironmentEntry {
  return { name, scope, value, kind: defaultValueKind(name, value), isBuild: false };
}

describe('a name', () => {
  it.each(['A', '_x', 'a1', 'DATABASE_URL', 'LAMBDA', 'AWS_REGION', 'PATHS', 'x'.repeat(128)])(
    'may be %s',
    (name) => expect(environmentNameProblem(name)).toBe(null),
  );

  it.each(['', '1A', 'A-B', 'A B', 'Ä', 'A\n', 'x'.repeat(129)])('may not be %j', (name) =>
    expect(environmentNameProblem(name)).toContain('is no name'),
  );

  it.each(['FN_ENV', 'AWS_LAMBDA_X', 'LD_PRELOAD', 'NODE_OPTIONS', 'PATH', '__proto__', 'GIT_REV'])(
    'may not be %s, which is reserved',
    (name) => expect(environmentNameProblem(name)).toMatch(/ is reserved: \w/),
  );

  it.each([
    ['API_KEY', 'secret'],
    ['my_secret_thing', 'secret'],
    ['AuthToken', 'secret'],
    ['PRIVATE_HOST', 'secret'],
    ['DB_PASSWORD', 'secret'],
    ['DATABASE_URL', 'plain'],
    ['PASS', 'plain'],
  ])('says of %s that it is %s', (name, kind) => expect(defaultValueKind(name, 'x')).toBe(kind));
});

describe('a value', () => {
  it.each([
    ['postgres://user:pw@db.internal:5432/app', 'secret'],
    ['redis://:pw@cache:6379', 'secret'],
    [' https://user:p%40ss@example.com/path ', 'secret'],
    ['amqps+srv://u:p:w@host', 'secret'],
    ['postgres://user@db.internal/app', 'plain'],
    ['https://example.com:8080/@me', 'plain'],
    ['https://example.com/?mail=a:b@c', 'plain'],
    ['user:pw@host', 'plain'],
    ['say http://a:b@c', 'plain'],
  ])('like %s is %s', (value, kind) => expect(defaultValueKind('DATABASE_URL', value)).toBe(kind));

  it('is text of a bounded length, without NUL', () => {
    expect(environmentValueProblem('A', 'x'.repeat(MAX_VALUE_BYTES))).toBe(null);
    expect(environmentValueProblem('A', `é${'x'.repeat(MAX_VALUE_BYTES - 1)}`)).toContain('bytes');
    expect(environmentValueProblem('A', 'a\0b')).toContain('NUL');
    expect(environmentValueProblem('A', 'a\ud800')).toContain('Unicode');
  });

  it('is never shown by what refuses it', () => {
    expect(environmentValueProblem('A', 'hidden\0')).not.toContain('hidden');
  });
});

describe('a scope', () => {
  it.each(['all', 'production', 'preview', 'branch:main', 'branch:feature/x#1'])(
    'can be %s',
    (text) => expect(parseScope(text)).toBe(text),
  );

  it.each([
    '',
    'branch:',
    'branch',
    'prod',
    'branch:a b',
    'branch:a\u001b[2Jb',
    'branch:a\0',
    `branch:${'x'.repeat(201)}`,
  ])('cannot be %j', (text) => expect(parseScope(text)).toBe(null));
});

describe('the environment of a deployment', () => {
  const entries = [
    entry('A', 'all', 'all'),
    entry('A', 'production', 'production'),
    entry('A', 'preview', 'preview'),
    entry('A', 'branch:one', 'one'),
    entry('B_KEY', 'production', 'b'),
  ];

  it.each([
    ['production', 'refs/heads/one', 'production'],
    ['branch', 'refs/heads/one', 'one'],
    ['branch', 'refs/heads/two', 'preview'],
    ['tag', 'refs/tags/one', 'preview'],
    ['commit', 'refs/heads/one', 'preview'],
  ] as const)('of a %s of %s has the nearest value', (kind, ref, value) => {
    expect(effectiveEnvironment(entries, { kind, ref }, {}).values['A']).toBe(value);
  });

  it('names its secrets, and has the bundle’s own variables below all else', () => {
    const own = { A: 'own', C: 'own', FN_ENV: 'forged', D: 'a\0b' };
    const target = { kind: 'production', ref: 'refs/heads/main' } as const;
    expect(effectiveEnvironment(entries, target, own)).toEqual({
      values: { A: 'production', B_KEY: 'b', C: 'own' },
      secretNames: ['B_KEY'],
    });
  });

  it('is bounded in names and in bytes, for each target by itself and altogether', () => {
    const large = 'x'.repeat(60_000);
    const four = ['A', 'B', 'C', 'D'];
    const spread = four.map((name) => entry(name, 'preview', large));
    const doubled = [...spread, ...four.map((name) => entry(name, 'production', large))];
    expect(environmentSizeProblem(doubled)).toBe(null);
    const ofBranch = entry('E', 'branch:one', large);
    expect(environmentSizeProblem([...doubled, ofBranch])).toContain('branch:one');
    const many = Array.from({ length: 1001 }, (_, index) => entry(`N${index}`, 'all', ''));
    expect(environmentSizeProblem(many)).toContain('1001 names');
    const branches = Array.from({ length: 20 }, (_, n) => entry('A', `branch:${n}`, large));
    expect(environmentSizeProblem(branches)).toContain('of all scopes');
  });
});
