import type { PoolOptions } from '../main/start-options.ts';
import { DEFAULT_MEMORY_MIB } from '../model/limits.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type { PrepareResult } from '../protocol/data-plane.ts';
import type { Clock } from '../std/clock.ts';
import { FunctionPool } from './function-pool.ts';
import type { BundleCode, FunctionLog, Sandboxes } from './ports.ts';
import { Zygotes } from './zygotes.ts';

/** A deployment that was prepared and never routed to is let go after this long. */
const MAX_HOLD_MS = 10 * 60_000;

export interface Pool {
  /** The workers of a function that is routed to; made on first use. */
  functionPool(deployment: ServedDeployment, served: ServedFunction): FunctionPool;
  /** Starts one worker for each function and holds them until routed to or released. */
  prepare(deployment: ServedDeployment): Promise<PrepareResult>;
  release(deployment: string): void;
  /** No request that comes later reaches a worker that is running or being started now, held ones included. */
  restart(deployments: readonly string[]): void;
  /** To be called after each swap of the route table: drains what is routed to no more. */
  keepOnly(deployments: readonly ServedDeployment[]): void;
  status(): { zygotes: number; workers: number; inFlight: number };
  /** Finishes what is in flight, then ends all workers and zygotes. */
  close(): Promise<void>;
}

interface PoolDeps {
  sandboxes: Sandboxes;
  code: BundleCode;
  log: FunctionLog;
  clock: Clock;
}

interface Entry {
  /** Function name → its workers. */
  functions: Map<string, FunctionPool>;
  /** Set while it is prepared and not yet routed to; ends the holding. */
  cancelHold: (() => void) | null;
}

export function createPool(deps: PoolDeps, options: PoolOptions): Pool {
  const { clock } = deps;
  const zygotes = new Zygotes(deps, { memoryMib: DEFAULT_MEMORY_MIB, reserve: options.zygotes });
  const entries = new Map<string, Entry>();
  const draining = new Set<FunctionPool>();
  zygotes.start();

  function entryOf(deployment: string): Entry {
    const entry = entries.get(deployment) ?? { functions: new Map(), cancelHold: null };
    entries.set(deployment, entry);
    return entry;
  }

  function functionPool(deployment: ServedDeployment, served: ServedFunction): FunctionPool {
    const { functions } = entryOf(deployment.id);
    let pool = functions.get(served.name);
    if (pool === undefined) {
      pool = new FunctionPool({ ...deps, zygotes }, { deployment, served }, options);
      functions.set(served.name, pool);
    }
    return pool;
  }

  function drop(deployment: string): void {
    const entry = entries.get(deployment);
    if (entry === undefined) return;
    entries.delete(deployment);
    entry.cancelHold?.();
    for (const pool of entry.functions.values()) {
      draining.add(pool);
      void pool.drain().then(() => draining.delete(pool));
    }
  }

  /** Null when the function runs; otherwise what `prepare` answers. */
  async function prepareFunction(
    deployment: ServedDeployment,
    served: ServedFunction,
  ): Promise<{ initMs: number; convention: string } | Exclude<PrepareResult, { kind: 'ready' }>> {
    const result = await functionPool(deployment, served).hold();
    switch (result.kind) {
      case 'started':
        return result.ready;
      case 'running':
        return { initMs: 0, convention: 'running' };
      case 'init-failed':
        return { kind: 'failed', function: served.name, failure: result.failure };
      case 'unavailable':
        return result;
      default:
        return result satisfies never;
    }
  }

  return {
    functionPool,
    prepare: async (deployment) => {
      const entry = entryOf(deployment.id);
      entry.cancelHold?.();
      entry.cancelHold = clock.after(MAX_HOLD_MS, () => drop(deployment.id));
      const prepared = await Promise.all(
        deployment.functions.map((served) => prepareFunction(deployment, served)),
      );
      const conventions: Record<string, string> = {};
      let initMs = 0;
      for (const [index, one] of prepared.entries()) {
        if ('kind' in one) {
          drop(deployment.id);
          return one;
        }
        conventions[deployment.functions[index]?.name ?? ''] = one.convention;
        initMs = Math.max(initMs, one.initMs);
      }
      return { kind: 'ready', initMs, conventions };
    },
    release: (deployment) => {
      // Only what is held: a deployment that has gone live meanwhile is not ended by a late release.
      if (entries.get(deployment)?.cancelHold != null) drop(deployment);
    },
    restart: (deployments) => {
      for (const id of deployments) {
        for (const pool of entries.get(id)?.functions.values() ?? []) pool.restart();
      }
    },
    keepOnly: (deployments) => {
      const kept = new Set(deployments.map(({ id }) => id));
      for (const [id, entry] of entries) {
        if (kept.has(id)) {
          entry.cancelHold?.();
          entry.cancelHold = null;
          for (const pool of entry.functions.values()) pool.unhold();
        } else if (entry.cancelHold === null) {
          drop(id);
        }
      }
    },
    status: () => {
      const pools = [
        ...draining,
        ...[...entries.values()].flatMap(({ functions }) => [...functions.values()]),
      ];
      return {
        zygotes: zygotes.readyCount,
        workers: pools.reduce((sum, pool) => sum + pool.workerCount, 0),
        inFlight: pools.reduce((sum, pool) => sum + pool.inFlight, 0),
      };
    },
    close: async () => {
      for (const id of entries.keys()) drop(id);
      await Promise.all(Array.from(draining, (pool) => pool.drain()));
      zygotes.close();
    },
  };
}
