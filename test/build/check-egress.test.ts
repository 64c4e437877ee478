import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readEgressRules } from '../../src/model/egress-rule.ts';
import { createBuildHarness } from './build-harness.ts';
import { folderSource, type Source } from './source-repository.ts';

function sourceThatReaches(...egress: string[]): Source {
  const folder = mkdtempSync(join(tmpdir(), 'egress-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'index.js'), 'export const handler = () => "hello";\n');
  writeFileSync(join(folder, 'fn.json'), `{\n  "egress": ${JSON.stringify(egress)}\n}\n`);
  return folderSource(folder);
}

const REFUSED = {
  kind: 'failed',
  problems: [
    {
      message: '"egress": functions of this server may not reach db.internal:5432',
      at: { file: 'fn.json', line: 2 },
      hint: expect.stringContaining('FN_EGRESS_ALLOW=db.internal:5432'),
    },
  ],
};

test('what the operator allows goes with the bundle', async () => {
  const egressRules = readEgressRules(['*.internal:*']);
  const { answer } = await createBuildHarness({ egressRules }).build(
    sourceThatReaches('DB.internal:5432'),
  );
  expect(answer).toMatchObject({ manifest: { egress: [{ rule: 'db.internal:5432' }] } });
});

test('more than the operator allows is a problem with its place, and what would allow it', async () => {
  const egressRules = readEgressRules(['db.internal:443', 'other.internal:*']);
  const { answer } = await createBuildHarness({ egressRules }).build(
    sourceThatReaches('other.internal:1', 'db.internal:5432'),
  );
  expect(answer).toMatchObject(REFUSED);
});

test('a bundle of a time when the operator allowed more is refused as a new one is', async () => {
  const source = sourceThatReaches('db.internal:5432');
  const records = new Map<string, string>();
  const before = createBuildHarness({ records, egressRules: readEgressRules(['*.internal:*']) });
  expect((await before.build(source)).answer).toMatchObject({ kind: 'built' });
  const after = createBuildHarness({ records, bundlesDir: before.bundlesDir });
  const { answer, lines } = await after.build(source);
  expect(answer).toMatchObject(REFUSED);
  expect(lines).toEqual([]);
});
