import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createCodeSlots } from '../../../../src/main/supervisor/sandboxes/code-slots.ts';

const BUNDLE = 'b'.repeat(64);

it('leaves nothing of a slot whose sandbox ends while its packages are being shown to it', async () => {
  const storeDir = await mkdtemp(join(tmpdir(), 'gitfn-code-slots-'));
  onTestFinished(() => rm(storeDir, { recursive: true }));
  const bundlesDir = join(storeDir, 'bundles');
  for (let number = 0; number < 30; number++) {
    const folder = join(bundlesDir, BUNDLE, 'node_modules', `package-${number}`, 'lib');
    await mkdir(folder, { recursive: true });
    for (let file = 0; file < 20; file++) await writeFile(join(folder, `${file}.js`), '');
  }
  const slotsDir = join(storeDir, 'slots');
  const slots = createCodeSlots({ bundlesDir, slotsDir, visibleDir: slotsDir });
  for (let attempt = 0; attempt < 20; attempt++) {
    const slot = `slot-${attempt}`;
    slots.open(slot);
    const filling = slots.fill(slot, BUNDLE).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, attempt));
    await slots.remove(slot);
    await filling;
  }
  expect(await readdir(slotsDir)).toEqual([]);
});

it('shows nothing to a slot that is gone', async () => {
  const storeDir = await mkdtemp(join(tmpdir(), 'gitfn-code-slots-'));
  onTestFinished(() => rm(storeDir, { recursive: true }));
  const bundlesDir = join(storeDir, 'bundles');
  await mkdir(join(bundlesDir, BUNDLE, 'node_modules'), { recursive: true });
  const slotsDir = join(storeDir, 'slots');
  const slots = createCodeSlots({ bundlesDir, slotsDir, visibleDir: slotsDir });
  slots.open('slot');
  await slots.remove('slot');
  await expect(slots.fill('slot', BUNDLE)).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await readdir(slotsDir)).toEqual([]);
});

it('fails, and does not try for ever, where the data folder was removed while the server started', () => {
  const module = join(
    import.meta.dirname,
    '../../../../src/main/supervisor/sandboxes/code-slots.ts',
  );
  const code = `
    import fs from 'node:fs';
    import { createCodeSlots } from ${JSON.stringify(module)};
    const folder = fs.mkdtempSync('/tmp/gitfn-code-slots-');
    const store = '/proc/self/fd/' + fs.openSync(folder);
    fs.rmdirSync(folder);
    try { createCodeSlots({ bundlesDir: store, slotsDir: store + '/slots', visibleDir: store }); }
    catch ({ code }) { process.stdout.write(code); }`;
  const args = ['--input-type=module', '-e', code];
  const options = { encoding: 'utf8', timeout: 30_000 } as const;
  expect(execFileSync(process.execPath, args, options)).toBe('ENOENT');
});
