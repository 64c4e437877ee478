import { describe, expect, it } from 'vitest';
import { appNameProblem } from '../../src/model/app.ts';
import { refKind, refProblem } from '../../src/model/ref.ts';

describe('appNameProblem', () => {
  it.each(['a', 'hello', 'hello-world', 'x9', `a${'b'.repeat(39)}`])('accepts %s', (name) => {
    expect(appNameProblem(name)).toBeNull();
  });

  it.each([
    '',
    'Hello',
    '9lives',
    '-a',
    'a-',
    'a--b',
    'a.b',
    'a/b',
    'a b',
    'ä',
    '../x',
    'a\n',
    `a${'b'.repeat(40)}`,
    'dashboard',
    'www',
  ])('refuses %j', (name) => {
    expect(appNameProblem(name)).toMatch(/name/);
  });
});

describe('refProblem', () => {
  it.each(['refs/heads/main', 'refs/heads/feature/ä+b#1=@x', 'refs/tags/v1.0'])(
    'accepts %s',
    (ref) => {
      expect(refProblem(ref)).toBeNull();
    },
  );

  it.each([
    'refs/notes/x',
    'refs/live/production',
    'refs/internal/x',
    'refs/heads/-x',
    'refs/heads/',
    'refs/heads/a//b',
    'refs/heads/a/',
    'refs/heads/a.',
    'refs/heads/.a',
    'refs/heads/a..b',
    'refs/heads/../../HEAD',
    'refs/heads/a.lock',
    'refs/heads/a.lock/b',
    'refs/heads/a/-x',
    'refs/heads/a$(touch x)',
    'refs/heads/a<img>',
    'refs/heads/\u001b[31m',
    'refs/heads/\u202eabc',
    'refs/heads/🎉',
    'refs/heads/a b',
    `refs/heads/${'x'.repeat(300)}`,
    'main',
  ])('refuses %j', (ref) => {
    expect(refProblem(ref)).not.toBeNull();
  });

  it('tells tags from branches', () => {
    expect(refKind('refs/tags/heads')).toBe('tag');
    expect(refKind('refs/heads/tags/x')).toBe('branch');
  });
});
