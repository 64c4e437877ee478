import { expect, test } from 'vitest';
import { checkResult } from '../../src/build/check-result.ts';
import { type BuildInputs, MAX_RECORDED_BYTES } from '../../src/protocol/builder.ts';
import { MAXIMA } from './build-harness.ts';

function check(inputs: BuildInputs | null, more: object = {}) {
  const result = {
    kind: 'built',
    runtime: 'nodejs',
    functions: [],
    environment: { reads: [], required: [] },
    publicFiles: [],
    releaseCommand: null,
    reused: [],
    inputs,
    warnings: [],
    ...more,
  };
  return checkResult(JSON.stringify(result), MAXIMA);
}

const fileOf = (path: string) => ({ path, sha256: 'a'.repeat(64) });

test('what a bundle was made from is kept up to a size that the next build can be told', () => {
  const few = { files: [fileOf('index.js')], units: [], trace: null };
  expect(check(few)).toMatchObject({ inputs: few });
  const count = Math.ceil(MAX_RECORDED_BYTES / 1000);
  const files = Array.from({ length: count }, () => fileOf('x'.repeat(1000)));
  const many = { files, units: [], trace: null };
  expect(check(many)).toMatchObject({ kind: 'built', inputs: null });
});

test.each(['a\0b', 'a\ud800b'])('a path that no database takes is no result: %j', (path) => {
  expect(check({ files: [fileOf(path)], units: [], trace: null })).toBeNull();
  const trace = { state: 'a'.repeat(64), files: [path] };
  expect(check({ files: [], units: [], trace })).toBeNull();
});

test('rules of where to connect to are taken in their one spelling only', () => {
  const place = { line: 1, column: 1 };
  const egress = [{ rule: 'db.internal:5432', ...place }];
  expect(check(null, { egress })).toMatchObject({ egress });
  expect(check(null, { egress: [{ rule: 'DB.internal:5432', ...place }] })).toBeNull();
  expect(check(null, { egress: [{ rule: 'anything', ...place }] })).toBeNull();
});
