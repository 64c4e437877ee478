import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slugForRef } from '../../src/model/slug.ts';

const free = (): boolean => false;

describe('slugForRef', () => {
  it.each([
    ['refs/heads/feature/Login-Form', 'feature-login-form'],
    ['refs/heads/größe', 'gro-e'],
    ['refs/tags/v1.2.3', 'v1-2-3'],
    ['refs/heads/--weird--', 'weird'],
    ['refs/heads/a', 'a'],
  ])('keeps %s readable', (ref, slug) => {
    expect(slugForRef(ref, 'hello', free)).toBe(slug);
  });

  it.each([
    ['an empty one', 'refs/heads/日本', /^r-[0-9a-f]{6}$/],
    ['one that looks like a commit', 'refs/heads/deadbeef', /^deadbeef-[0-9a-f]{6}$/],
    ['one of two characters', 'refs/heads/qa', /^qa-[0-9a-f]{6}$/],
    ['one that is too long', `refs/heads/${'x'.repeat(80)}`, /^x+-[0-9a-f]{6}$/],
  ])('appends a hash to %s', (_, ref, pattern) => {
    expect(slugForRef(ref, 'hello', free)).toMatch(pattern);
  });

  it('appends a hash when another ref owns the clean name', () => {
    const taken = (slug: string): boolean => slug === 'feature';
    expect(slugForRef('refs/tags/feature', 'hello', taken)).toMatch(/^feature-[0-9a-f]{6}$/);
  });

  it('always makes one valid DNS label with the app', () => {
    const names = fc.tuple(
      fc.string({ unit: 'grapheme', maxLength: 120 }),
      fc.stringMatching(/^[a-z][a-z0-9]{0,38}[a-z0-9]$/),
      fc.boolean(),
    );
    fc.assert(
      fc.property(names, ([branch, app, isTaken]) => {
        const slug = slugForRef(`refs/heads/${branch}`, app, () => isTaken);
        expect(`${slug}--${app}`).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
        expect(slug).not.toMatch(/^[0-9a-f]{7,40}$/);
        expect(slug).not.toHaveLength(2);
      }),
    );
  });

  it('tells refs apart that differ only in what a slug drops', () => {
    const taken = new Set<string>();
    for (const ref of ['refs/heads/a/b', 'refs/heads/a-b', 'refs/heads/a.b', 'refs/tags/a-b']) {
      const slug = slugForRef(ref, 'hello', (candidate) => taken.has(candidate));
      expect(taken).not.toContain(slug);
      taken.add(slug);
    }
  });
});
