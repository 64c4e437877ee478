import type { CgroupDriver } from '../../../sandbox/index.ts';
import type { Outwards } from './outwards.ts';
import { place } from '../placement.ts';
import { egressSpec, type ProcessPlan } from '../process-specs.ts';
import { SupervisedProcess } from '../supervised-process.ts';

/** Answers the DNS of sandboxes that have a network, and connects those that have none. */
export function egressProcess(
  plan: ProcessPlan,
  { networks, channels }: Outwards,
  { say, cgroups }: { say: (line: string) => void; cgroups: CgroupDriver },
): SupervisedProcess | null {
  const link = networks?.link ?? channels;
  if (link === null) return null;
  const spec = egressSpec(plan, networks?.resolvers ?? []);
  return new SupervisedProcess(spec, {
    say,
    onSpawn: (child) => {
      place(cgroups, child, 'door');
      return link.attach(child);
    },
  });
}
