import { compareBundles } from './compare-bundles.ts';
import { compareRefs, compareRepositories } from './compare-refs.ts';
import { compareRoutes } from './compare-routes.ts';
import { compareRows } from './compare-rows.ts';
import { compareSandboxes } from './compare-sandboxes.ts';
import type { Finding } from './finding.ts';
import type { ConsistencyPorts, RefsOfApp } from './ports.ts';

/** Says what does not agree. */
export interface Consistency {
  /** @throws PlatformError when one of those who are asked is away */
  check(): Promise<ConsistencyReport>;
}

export interface ConsistencyReport {
  findings: Finding[];
  /** How much was looked at. */
  checked: { apps: number; refs: number; deployments: number; bundles: number; routes: number };
}

export function createConsistency(ports: ConsistencyPorts): Consistency {
  async function look(): Promise<ConsistencyReport> {
    const rows = await ports.readRows();
    const refs = new Map<string, RefsOfApp>();
    for (const { id } of rows.apps) refs.set(id, await ports.repositories.listRefs(id));
    const doors = await ports.doors.list();
    const busyApps = new Set([...refs].flatMap(([id, { isBusy }]) => (isBusy ? [id] : [])));
    const sealed = new Set(await ports.sealed.list());
    const { drainMs } = ports;
    const isHeld = (id: string): boolean => ports.isHeld(id);
    const wanted = await ports.routes.read();
    const findings = [
      ...compareRepositories(await ports.repositories.list(), rows),
      ...rows.apps.flatMap((app) => {
        const found = refs.get(app.id);
        return found === undefined ? [] : compareRefs(app, found, rows);
      }),
      ...compareRows(rows, { isHeld, busyApps, sealed, drainMs }),
      ...(await compareBundles(rows, ports.bundles)),
      ...compareRoutes({ wanted, file: await ports.routes.readFile(), doors }),
      ...compareSandboxes(doors, await ports.sandboxes.list()),
    ];
    const checked = {
      apps: rows.apps.length,
      refs: [...refs.values()].reduce((sum, found) => sum + found.refs.length, 0),
      deployments: rows.deployments.length,
      bundles: rows.bundles.length,
      routes: rows.routes.length,
    };
    return { findings, checked };
  }

  return {
    async check() {
      const first = await look();
      if (first.findings.length === 0) return first;
      await ports.wait();
      const second = await look();
      const before = new Set(first.findings.map(keyOf));
      return { ...second, findings: second.findings.filter((one) => before.has(keyOf(one))) };
    },
  };
}

function keyOf({ subject, app, message }: Finding): string {
  return JSON.stringify([subject, app, message]);
}
