import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

const OUT_OF_DESCRIPTORS = `
  import { openSync } from 'node:fs';
  import { ownAddresses } from './src/std/own-addresses.ts';
  const before = [...ownAddresses()];
  try { for (;;) openSync('/dev/null'); } catch {}
  process._rawDebug(JSON.stringify([before, [...ownAddresses()]]));
`;

describe('the addresses of the machine', () => {
  it('are those of before while the system cannot be asked', () => {
    const command = 'ulimit -n 128; exec "$0" --input-type=module -e "$1" 2>&1';
    const printed = execFileSync('sh', ['-c', command, process.execPath, OUT_OF_DESCRIPTORS], {
      encoding: 'utf8',
    });
    const [before, after] = JSON.parse(printed) as [string[], string[]];
    expect(before).toContain('127.0.0.1');
    expect(after).toEqual(before);
  });
});
