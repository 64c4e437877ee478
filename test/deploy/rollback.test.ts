import { describe, expect, it } from 'vitest';
import { findRelease, previousRelease } from '../../src/deploy/rollback.ts';
import type { Deployment } from '../../src/store/deployments.ts';

function release(version: number, sourceVersion: number | null = null): Deployment {
  return {
    id: `dep-${version}`,
    appId: 'app-1',
    version,
    kind: 'production',
    ref: 'refs/heads/main',
    slug: null,
    commit: String(sourceVersion ?? version).repeat(40),
    subject: '',
    author: '',
    bundle: 'b',
    state: 'retired',
    reason: null,
    trigger: sourceVersion === null ? 'push' : 'rollback',
    sourceVersion,
    pushId: null,
    envVersion: 0,
    buildMs: null,
    createdAt: new Date(0),
    liveAt: new Date(0),
  };
}

describe('previousRelease', () => {
  it('is the release before the live one', () => {
    expect(previousRelease([release(3), release(2), release(1)]).version).toBe(2);
  });

  it('goes further back when the live one is a rollback, never forward to what was left', () => {
    const history = [release(4, 2), release(3), release(2), release(1)];
    expect(previousRelease(history).version).toBe(1);
  });

  it('takes what was promoted as a release of its own, and not for the preview that it was', () => {
    const promoted = { ...release(7, 3), trigger: 'promote' as const };
    expect(previousRelease([promoted, release(6), release(2)]).version).toBe(6);
    expect(previousRelease([release(8), promoted, release(6)]).version).toBe(7);
    expect(previousRelease([release(9, 7), release(8), promoted, release(6)]).version).toBe(6);
  });

  it.each([[[]], [[release(1)]], [[release(2, 1), release(1)]]])(
    'says so when there is none',
    (history) => {
      expect(() => previousRelease(history)).toThrow(/no earlier release/);
    },
  );
});

describe('findRelease', () => {
  const history = [release(4, 2), release(3), release(2)];

  it.each([
    ['v3', 3],
    ['3', 3],
    ['3333333', 3],
    ['2222222', 4],
  ])('finds %s', (target, version) => {
    expect(findRelease(history, target).version).toBe(version);
  });

  it.each(['v9', '9999999', 'abcdef', 'main', ''])('refuses %j and says what to give', (target) => {
    expect(() => findRelease(history, target)).toThrow(/release|version/);
  });

  it('refuses a prefix of several commits', () => {
    const twins = [
      { ...release(2), commit: `${'a'.repeat(39)}1` },
      { ...release(1), commit: `${'a'.repeat(39)}2` },
    ];
    expect(() => findRelease(twins, 'aaaaaaa')).toThrow(/beginning of/);
  });
});
