import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { planAddresses } from '../../src/network/address-plan.ts';
import { runScript } from '../../src/network/run-script.ts';
import { removeSlotsScript } from '../../src/network/scripts.ts';
import { createSlotNetworks } from '../../src/network/slot-networks.ts';
import { eventually } from '../support/eventually.ts';

const PLAN = planAddresses(0);
const ALLOWED = { host: '10.0.0.7', port: 5432 };

/** Networks made by a shell that does nothing, and fails at scripts that hold what `failAt` was told. */
async function startNetworks(slots: number) {
  const folder = mkdtempSync(join(tmpdir(), 'gitfn-slots-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(`${folder}/fails`, 'nothing of any script');
  const sh = `${folder}/sh`;
  writeFileSync(sh, `#!/bin/sh\nif grep -qF "$(cat ${folder}/fails)"; then exit 1; fi\n`);
  chmodSync(sh, 0o755);
  const said: string[] = [];
  const tools = {
    sh,
    ip: 'ip',
    nft: 'nft',
    nsenter: 'nsenter',
    unshare: 'unshare',
    umount: 'umount',
  };
  const plan = { ...PLAN, slots, slot: (index: number) => PLAN.slot(index % slots) };
  const networks = await createSlotNetworks(
    {
      context: { tools, plan, folder, hasIpv6: true },
      say: (line) => void said.push(line),
    },
    { isPublicAllowed: true },
  );
  onTestFinished(() => networks.close());
  return {
    networks,
    said,
    failAt: (word: string) => writeFileSync(`${folder}/fails`, word),
  };
}

describe('the networks of sandboxes', () => {
  it('give nobody the addresses for which the filter may still be open', async () => {
    const { networks, said, failAt } = await startNetworks(40);
    const first = await networks.lease();
    await first.allow([ALLOWED]);
    failAt('delete element');
    first.close();
    await eventually(() => expect(said.join()).toContain('cannot be removed'));
    failAt('nothing of any script');
    // The others have their turns several times over.
    for (let count = 0; count < 120; count += 1) {
      const next = await networks.lease();
      expect(next.addresses).not.toEqual(first.addresses);
      next.close();
    }
  });

  it('are not gone for a filter that could not be changed', async () => {
    const ended = {
      name: 's1',
      addresses: PLAN.slot(1),
      opened: [],
      ranges: ['rangesv4 { 198.18.0.17 . 10.0.0.7 . 5432 }'],
    };
    const tools = { sh: 'sh', ip: 'ip', unshare: 'unshare', umount: 'true' };
    const remove = (nft: string, nsenter: string): Promise<string | null> => {
      const context = {
        tools: { ...tools, nft, nsenter },
        plan: PLAN,
        folder: '/none',
        hasIpv6: true,
      };
      return runScript('/bin/sh', removeSlotsScript(context, [ended]));
    };
    expect(await remove('true', 'true')).toBe(null);
    expect(await remove('false', 'true')).toContain('code 1');
    expect(await remove('true', 'false')).toContain('code 1');
  });

  it('are refused when every address is in use, and made again when some are not', async () => {
    const { networks, said } = await startNetworks(24);
    const leased = await Promise.all(Array.from({ length: 24 }, () => networks.lease()));
    const late = networks.lease();
    await eventually(() => expect(said.join()).toContain('every address is in use'));
    for (const network of leased) network.close();
    expect(leased.map(({ addresses }) => addresses)).toContainEqual((await late).addresses);
  });
});
