import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { Resolver } from 'node:dns/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { expect, it, onTestFinished } from 'vitest';
import { type HostTools } from '../../src/main/supervisor/machine/host-tools.ts';
import { packagedFile } from '../../src/main/supervisor/machine/packaged-files.ts';
import { egressSpec, type ProcessPlan } from '../../src/main/supervisor/process-specs.ts';
import { bundlePrograms } from '../../src/main/supervisor/programs/programs.ts';
import { SupervisedProcess } from '../../src/main/supervisor/supervised-process.ts';
import { uidBlock } from '../../src/main/supervisor/sandboxes/uid-blocks.ts';
import type { EgressNotice } from '../../src/protocol/egress.ts';
import { eventually } from '../support/eventually.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
/** Of the loopback, where nobody listens on the port of DNS. */
const ADDRESS = '127.53.53.53';
const isRoot = process.getuid?.() === 0;

it.runIf(isRoot)('the egress process answers on the port of DNS, without root', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'egress-'));
  await chmod(folder, 0o755);
  onTestFinished(() => rm(folder, { recursive: true }));
  const plan = {
    tools: { setpriv: '/usr/bin/setpriv' } as HostTools,
    node: packagedFile(PROJECT, 'node'),
    programs: await bundlePrograms(PROJECT, folder),
    uids: uidBlock(40_000),
  } as ProcessPlan;
  let child: ChildProcess | undefined;
  const egress = new SupervisedProcess(egressSpec(plan, [ADDRESS]), {
    say: () => {},
    onSpawn: (spawned) => {
      child = spawned;
      return { message: () => {}, ended: () => {} };
    },
  });
  onTestFinished(() => egress.stop(5_000));
  await egress.start();
  const status = await readFile(`/proc/${child?.pid}/status`, 'utf8');
  expect(status).toMatch(/^Uid:\s+40004\s+40004\s+40004\s+40004$/m);
  // CAP_NET_BIND_SERVICE alone.
  expect(status).toMatch(/^CapEff:\s+0000000000000400$/m);
  expect(status).toMatch(/^CapBnd:\s+0000000000000400$/m);
  const environment = await readFile(`/proc/${child?.pid}/environ`, 'utf8');
  expect(environment.split('\0').filter((entry) => !/^(?:NODE_CHANNEL_|$)/.test(entry))).toEqual(
    [],
  );

  const notice: EgressNotice = {
    type: 'slot-opened',
    app: 'app',
    sources: ['127.0.0.1'],
    rules: [],
    publicAllowed: false,
  };
  child?.send(notice);
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([ADDRESS]);
  await eventually(async () => {
    const code = await resolver.resolve4('example.com').catch((error) => error.code as string);
    return code === 'ENOTFOUND';
  });
});
