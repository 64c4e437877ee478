/**
 * Processes of a platform that are not below it any more. Known by what the kernel says of them: whoever sees a folder
 * of the platform's, is in one of its cgroups, or is a user's that nobody else is. A namespace lives as long as such a
 * process, or a mount of it: see leftovers.ts.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { instanceName } from '../../src/main/supervisor/machine/layout.ts';
import { descendantsOf } from '../support/processes.ts';

export interface Traces {
  supervisor: number;
  dataDir: string;
  /** Who runs the platform, when nothing else runs as it. */
  uid: number | null;
}

export function findStrays({ supervisor, dataDir, uid }: Traces): number[] {
  const name = instanceName(dataDir);
  const own = new Set([supervisor, ...descendantsOf(supervisor).map(({ pid }) => pid)]);
  const others = readdirSync('/proc').filter(
    (entry) => /^\d+$/.test(entry) && !own.has(Number(entry)),
  );
  return others.map(Number).filter((pid) => {
    try {
      if (uid !== null && statSync(`/proc/${pid}`).uid === uid) return true;
      return ['mountinfo', 'cgroup'].some((file) => {
        const text = readFileSync(`/proc/${pid}/${file}`, 'utf8');
        return text.includes(name) || text.includes(dataDir);
      });
    } catch {
      return false; // It has ended, or is not ours to look into.
    }
  });
}
