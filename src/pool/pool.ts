import type { PoolOptions } from '../main/process/start-options.ts';
import { DEFAULT_LIMITS } from '../model/limits.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import {
  MAX_HELD_WORKERS,
  type PrepareResult,
  type ReleaseRun,
  type ReleaseRunResult,
} from '../protocol/data-plane.ts';
import type { Clock } from '../std/clock.ts';
import { forEachBounded } from '../std/for-each-bounded.ts';
import { type AppLimits, AppLoad } from './app-load.ts';
import { functionKey, functionOf } from './function-key.ts';
import { FunctionPool, type FunctionPoolDeps } from './function-pool.ts';
import { claimedZygotes } from './claimed-zygotes.ts';
import { FailuresElsewhere } from './failures-elsewhere.ts';
import type {
  BundleCode,
  ClaimPort,
  CodeCaches,
  FunctionFailures,
  FunctionLog,
  Sandboxes,
} from './ports.ts';
import { runReleaseCommand, type ReleaseWatcher } from './release-command.ts';
import { StartBudget, type StartRate } from './start-budget.ts';
import { ZygoteTurns } from './zygote-turns.ts';
import { ZygoteClasses } from './zygote-classes.ts';

/** Workers of one deployment that load at a time: more would compete for the processor with those that serve. */
const STARTS_AT_ONCE = 4;
/** A deployment that was prepared and never routed to is let go after this long. */
const MAX_HOLD_MS = 10 * 60_000;

/** Workers that are started for requests which may not come. */
const WARM_RATE: StartRate = { atOnce: 10, perMinute: 60 };

export interface Pool {
  /** The workers of a function that is routed to; made on first use. */
  functionPool(deployment: ServedDeployment, served: ServedFunction): FunctionPool;
  /**
   * Starts one worker for each of these functions and holds them until routed to or released; those beyond
   * MAX_HELD_WORKERS end when they have started.
   */
  prepare(deployment: ServedDeployment, functions: readonly string[]): Promise<PrepareResult>;
  /**
   * A request for the function seems to come, such as when its host is named in the beginning of a TLS connection: starts
   * or thaws a worker ahead of it, and tells whether it has. Only for a function that had a request before, once until its next
   * one, and so often a minute for all together, so that who only asks for names wakes next to nothing.
   */
  warm(deployment: string, functionName: string): boolean;
  /** Runs a command once, in a worker of its own. */
  runReleaseCommand(run: ReleaseRun, watcher: ReleaseWatcher): Promise<ReleaseRunResult>;
  release(deployment: string): void;
  /** No request that comes later reaches a worker that is running or being started now, held ones included. */
  restart(deployments: readonly string[]): void;
  /** To be called after each swap of the route table: drains what is routed to no more. */
  keepOnly(deployments: readonly ServedDeployment[]): void;
  /** Another data process needs a worker of the app more, see AppLoad. */
  makeRoom(room: { app: string; of: string | null; mustEnd: boolean }): void;
  /** Another data process has started a worker of the app. */
  startedElsewhere(app: string): void;
  /** Of a function's workers in another data process. */
  backOff(failures: FunctionFailures): void;
  status(): { zygotes: number; workers: number; inFlight: number };
  /** Finishes what is in flight, then ends all workers and zygotes. */
  close(): Promise<void>;
}

interface PoolDeps {
  sandboxes: Sandboxes;
  code: BundleCode;
  caches: CodeCaches;
  log: FunctionLog;
  clock: Clock;
  appLimits: AppLimits;
  /** Zygotes that demand may keep ready beyond `PoolOptions.zygotes`; no more than those when it is absent. */
  maxZygotes?: number;
  /** Absent when this is the only data process. */
  claims?: ClaimPort;
}

interface Entry {
  /** Function name → its workers. */
  functions: Map<string, FunctionPool>;
  /** Set while it is prepared and not yet routed to; ends the holding. */
  cancelHold: (() => void) | null;
}

interface Started {
  initMs: number;
  convention: string;
}
type Refusal = Exclude<PrepareResult, { kind: 'ready' }>;
type Prepared = { name: string } & (Started | Refusal);

export function createPool(deps: PoolDeps, options: PoolOptions): Pool {
  const loads = new Map<string, AppLoad>();
  const { clock, claims } = deps;
  const elsewhere = new FailuresElsewhere(clock);
  const zygotes = new ZygoteClasses(deps, {
    memoryMib: DEFAULT_LIMITS.memoryMib,
    reserve: options.zygotes,
    maxReserve: deps.maxZygotes ?? options.zygotes,
  });
  const turns = new ZygoteTurns(zygotes);
  const warmStarts = new StartBudget(clock, WARM_RATE);
  const entries = new Map<string, Entry>();
  const draining = new Set<FunctionPool>();
  zygotes.start();

  function entryOf(deployment: string): Entry {
    const entry = entries.get(deployment) ?? { functions: new Map(), cancelHold: null };
    entries.set(deployment, entry);
    return entry;
  }

  function loadOf(appName: string): AppLoad {
    const known = loads.get(appName);
    if (known !== undefined) return known;
    // What an app has started is remembered for longer than its workers, so it is only forgotten here.
    for (const [name, load] of loads) if (load.isForgettable) loads.delete(name);
    const load = new AppLoad(deps.appLimits, new StartBudget(clock), () =>
      claims === undefined ? 1 : claims.spreadOf(appName),
    );
    loads.set(appName, load);
    return load;
  }

  function forget(pool: FunctionPool): void {
    draining.delete(pool);
    loads.get(pool.deployment.appName)?.leave(pool);
  }

  function functionPool(deployment: ServedDeployment, served: ServedFunction): FunctionPool {
    const { functions } = entryOf(deployment.id);
    let pool = functions.get(served.name);
    if (pool === undefined) {
      const of = functionKey(deployment.id, served.name);
      const own = { ...startsOf(deployment.appName, of), load: loadOf(deployment.appName) };
      pool = new FunctionPool({ ...deps, ...own }, { deployment, served }, options);
      functions.set(served.name, pool);
      const { failures, forMs } = elsewhere.take(of);
      pool.failedElsewhere(failures, forMs);
    }
    return pool;
  }

  /** Claimed, and told to the others, where there are others. */
  function startsOf(
    app: string,
    of: string,
  ): Pick<FunctionPoolDeps, 'zygotes' | 'owedZygotes' | 'tellFailures'> {
    const source = turns.of(app);
    if (claims === undefined) return { zygotes: source };
    return {
      zygotes: claimedZygotes(source, claims, { app, of, isOwed: false }),
      owedZygotes: claimedZygotes(source, claims, { app, of, isOwed: true }),
      tellFailures: (failures, forMs) => claims.backsOff({ of, failures, forMs }),
    };
  }

  function drop(deployment: string): void {
    const entry = entries.get(deployment);
    if (entry === undefined) return;
    entries.delete(deployment);
    entry.cancelHold?.();
    for (const name of entry.functions.keys()) letGo(entry, name);
  }

  /** What has shown that it starts need not keep its memory. */
  function letGo({ functions }: Entry, name: string): void {
    const pool = functions.get(name);
    if (pool === undefined) return;
    functions.delete(name);
    draining.add(pool);
    void pool.drain().then(() => forget(pool));
  }

  /** What the function was found to be, or what `prepare` answers. */
  async function prepareFunction(
    deployment: ServedDeployment,
    served: ServedFunction,
  ): Promise<Started | Refusal> {
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
    prepare: async (deployment, names) => {
      const entry = entryOf(deployment.id);
      entry.cancelHold?.();
      entry.cancelHold = clock.after(MAX_HOLD_MS, () => drop(deployment.id));
      const prepared: Prepared[] = [];
      const chosen = names.flatMap((name) => deployment.functions.filter((f) => f.name === name));
      await forEachBounded(chosen.entries(), STARTS_AT_ONCE, async ([index, served]) => {
        if (prepared.some(isRefusal)) return;
        const one = await prepareFunction(deployment, served);
        if (index >= MAX_HELD_WORKERS) letGo(entry, served.name);
        prepared.push({ name: served.name, ...one });
      });
      const refusal = prepared.find(isRefusal);
      if (refusal === undefined) return summarize(prepared);
      drop(deployment.id);
      const { name: _name, ...answer } = refusal;
      return answer;
    },
    warm: (deployment, functionName) => {
      if (warmStarts.left === 0) return false;
      const isStarted = entries.get(deployment)?.functions.get(functionName)?.warm() === true;
      if (isStarted) warmStarts.spend(1);
      return isStarted;
    },
    runReleaseCommand: (run, watcher) => {
      loadOf(run.appName).spendStarts(1);
      const starts = startsOf(run.appName, functionKey(run.deployment, 'release'));
      const source = starts.owedZygotes ?? starts.zygotes;
      return runReleaseCommand({ ...deps, zygotes: source }, run, watcher);
    },
    release: (deployment) => {
      // Only what is held: a deployment that has gone live meanwhile is not ended by a late release.
      if (entries.get(deployment)?.cancelHold != null) drop(deployment);
    },
    restart: (deployments) => {
      for (const id of deployments) {
        elsewhere.forget((deployment) => deployment === id);
        for (const pool of entries.get(id)?.functions.values() ?? []) pool.restart();
      }
    },
    keepOnly: (deployments) => {
      zygotes.serve(memoriesOf(deployments));
      const kept = new Set(deployments.map(({ id }) => id));
      elsewhere.forget((deployment) => !kept.has(deployment));
      for (const [id, entry] of entries) {
        if (kept.has(id)) {
          entry.cancelHold?.();
          entry.cancelHold = null;
          for (const pool of entry.functions.values()) pool.unhold();
        } else if (entry.cancelHold === null) {
          drop(id);
        }
      }
      deps.caches.keepOnly(new Set([...kept, ...entries.keys()]));
    },
    makeRoom: ({ app, of, mustEnd }) => loads.get(app)?.makeRoomElsewhere({ of, mustEnd }),
    startedElsewhere: (app) => loadOf(app).spendStarts(1),
    backOff: ({ of, failures, forMs }) => {
      const { deployment, name } = functionOf(of);
      const pool = entries.get(deployment)?.functions.get(name);
      if (pool === undefined) elsewhere.note({ of, failures, forMs });
      else pool.failedElsewhere(failures, forMs);
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

function* memoriesOf(deployments: readonly ServedDeployment[]): Iterable<number> {
  for (const { functions } of deployments) for (const { memoryMib } of functions) yield memoryMib;
}

function isRefusal(one: Prepared): one is { name: string } & Refusal {
  return 'kind' in one;
}

function summarize(prepared: Prepared[]): PrepareResult {
  const started = prepared.filter((one): one is { name: string } & Started => !isRefusal(one));
  return {
    kind: 'ready',
    initMs: Math.max(0, ...started.map(({ initMs }) => initMs)),
    conventions: Object.fromEntries(started.map(({ name, convention }) => [name, convention])),
  };
}
