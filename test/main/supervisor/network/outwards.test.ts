import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readHostEnvironment } from '../../../../src/main/config/env.ts';
import { findTools, type HostTools } from '../../../../src/main/supervisor/machine/host-tools.ts';
import { openOutwards } from '../../../../src/main/supervisor/network/outwards.ts';

const tools = findTools(readHostEnvironment().toolFolders) as HostTools;

async function open(options: Partial<Parameters<typeof openOutwards>[0]>) {
  const runtimeDir = await mkdtemp(join(tmpdir(), 'gitfn-outwards-'));
  onTestFinished(() => rm(runtimeDir, { recursive: true }));
  const policy = { publicAllowed: true, rules: [] };
  const rest = { runtimeDir, certificates: null, say: () => {} };
  return openOutwards({ tools, isRoot: true, isPlain: false, policy, ...rest, ...options });
}

it('gives functions no network, and names the packages, where tools are missing', async () => {
  const { networks, protection } = await open({ tools: { ...tools, ip: null, nft: null } });
  expect(networks).toBeNull();
  expect(protection).toMatchObject({
    status: 'degraded',
    detail: expect.stringContaining('filtered channel'),
    fix: expect.stringContaining('iproute2 nftables'),
  });
});

it('gives functions no network that an ordinary user cannot make, or that nobody wants', async () => {
  const user = await open({ isRoot: false });
  expect(user).toMatchObject({ networks: null, protection: { status: 'degraded' } });
  const unwanted = await open({ policy: { publicAllowed: false, rules: [] } });
  expect(unwanted).toMatchObject({ networks: null, protection: { status: 'on' } });
});

it('says that nothing is filtered where functions are plain processes, and makes no network', async () => {
  const { networks, channels, protection } = await open({ isPlain: true });
  expect({ networks, channels }).toEqual({ networks: null, channels: null });
  expect(protection).toMatchObject({
    status: 'off',
    detail: expect.stringContaining('network of this machine'),
  });
});
