import { describe, expect, it } from 'vitest';
import { preflightLines } from '../../src/deploy/describe-preflight.ts';
import { preflight } from '../../src/deploy/preflight.ts';
import type { EnvironmentEntry, Scope } from '../../src/model/environment.ts';
import type { EnvironmentRead } from '../../src/protocol/builder.ts';

const PREVIEW = { kind: 'branch', ref: 'refs/heads/feature' } as const;
const read = (name: string, line = 1, hasDefault = false): EnvironmentRead => ({
  name,
  file: 'src/index.ts',
  line,
  hasDefault,
});
const entry = (name: string, scope: Scope): EnvironmentEntry => ({
  name,
  scope,
  kind: 'plain',
  isBuild: false,
  value: 'x',
});

function check(
  needs: { reads?: EnvironmentRead[]; required?: string[] },
  entries: EnvironmentEntry[] = [],
  given: string[] = [],
) {
  const { reads = [], required = [] } = needs;
  const context = { entries, target: PREVIEW };
  return preflight({ reads, required }, new Set(given), context);
}

describe('the check before a release', () => {
  it('misses what the code reads, production has and the preview lacks', () => {
    const found = check({ reads: [read('API_KEY', 7)] }, [entry('API_KEY', 'production')]);
    expect(found.missing.map(({ name }) => name)).toEqual(['API_KEY']);
    const lines = preflightLines(found, PREVIEW).join('\n');
    expect(lines).toContain('src/index.ts:7');
    expect(lines).toContain('fn env set API_KEY=- --scope preview');
    expect(lines).toContain('preview of feature');
  });

  it('misses what app.json requires, read or not', () => {
    expect(check({ required: ['A'] }).missing).toEqual([{ name: 'A', read: null, elsewhere: [] }]);
    expect(check({ required: ['A'] }, [], ['A']).missing).toEqual([]);
  });

  it('only warns of what is nowhere set, once for each name', () => {
    const found = check({ reads: [read('B', 2), read('B', 9)] });
    expect(found.missing).toEqual([]);
    expect(preflightLines(found, PREVIEW)).toEqual([expect.stringContaining('src/index.ts:2')]);
  });

  it('lets be what has a default, is given, or is provided by the platform', () => {
    const reads = [read('A', 1, true), read('B'), read('FN_URL'), read('NODE_ENV')];
    const entries = [entry('A', 'production'), entry('B', 'production')];
    expect(check({ reads }, entries, ['B'])).toEqual({ missing: [], unset: [] });
  });
});
