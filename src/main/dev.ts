/**
 * `fn dev`: the door, the pool, the builder and the worker program of the platform on a working folder, without
 * server, database or sandbox. What works here works the same way when it is pushed.
 */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createBundleStore } from '../bundles/index.ts';
import { appNameProblem } from '../model/app.ts';
import { systemClock } from '../std/clock.ts';
import { inheritedEnvironment, readHostEnvironment, readServerEnvironment } from './config/env.ts';
import { DEV_HELP, parseDevArguments, type DevArguments } from './dev/arguments.ts';
import { createDevBuilder } from './dev/dev-builder.ts';
import { createDevOutput } from './dev/dev-output.ts';
import { createDevServer } from './dev/dev-server.ts';
import { devVariables, readDevCommit } from './dev/dev-variables.ts';
import { createDevWorkers } from './dev/dev-workers.ts';
import { type Environment, readEnvironmentFiles } from './dev/environment-files.ts';
import { createReloads } from './dev/reloads.ts';
import { watchFolder } from './dev/watch-folder.ts';
import { reportFailure } from './report-failure.ts';
import { findTool } from './supervisor/machine/host-tools.ts';
import { bundleWorkerProgram } from './supervisor/programs/programs.ts';

const PROJECT_DIR = dirname(dirname(import.meta.dirname));
/** For a folder whose name is none for an app. */
const DEFAULT_APP = 'app';

/** Resolves when it serves, or waits for the first change that can be built; the process lives until it is ended. */
export async function runDev(args: readonly string[]): Promise<void> {
  try {
    const parsed = parseDevArguments(args, readServerEnvironment().PORT);
    if (parsed === 'help') process.stdout.write(DEV_HELP);
    else await serve(parsed);
  } catch (error) {
    reportFailure('fn dev', error);
  }
}

async function serve({ port, isPortFixed, isJson }: DevArguments): Promise<void> {
  const root = realpathSync(process.cwd());
  const appName = appNameProblem(basename(root)) === null ? basename(root) : DEFAULT_APP;
  const { toolFolders } = readHostEnvironment();
  const git = findTool('git', toolFolders);
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'fn-dev-'));
  const output = createDevOutput(process.stdout, isJson);
  const environments = new Map<string, Environment>();
  const builder = createDevBuilder(root, appName);
  const ending = endWithSignals(() => {
    builder.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const bundlesDir = join(folder, 'bundles');
  mkdirSync(bundlesDir);
  const workers = createDevWorkers({
    runner: await bundleWorkerProgram(PROJECT_DIR, join(folder, 'programs')),
    root,
    setpriv: process.platform === 'linux' ? findTool('setpriv', toolFolders) : null,
    environmentOf: (deployment) => environments.get(deployment) ?? {},
  });
  ending.add(() => workers.killAll());
  const server = createDevServer({ workers, output, bundlesDir, appName });
  const taken = await server.listen(port, isPortFixed);
  const url = `http://localhost:${taken}`;
  if (port !== 0 && taken !== port) {
    output({ type: 'warning', lines: [` !     port ${port} is in use: taking ${taken}`] });
  }

  const reload = createReloads(
    {
      build: () => builder.build(),
      readEnvironment: () => readEnvironmentFiles(root, inheritedEnvironment()),
      readCommit: () => readDevCommit(git, root),
      store: createBundleStore(bundlesDir),
      prepare: (version, { values, commit }) => {
        const { deployment } = version;
        const told = devVariables(deployment, commit, url);
        environments.set(deployment.id, { NODE_ENV: 'development', ...values, ...told });
        return server.prepare(version);
      },
      serve: async (version) => {
        await server.serve(version);
        for (const id of environments.keys()) {
          if (id !== version.deployment.id) environments.delete(id);
        }
      },
      output,
      nowMs: () => systemClock.monotonicMs(),
    },
    appName,
  );
  const watch = watchFolder(root, () => void reload());
  if (!watch.isComplete) {
    const lines = [' !     the folder is too large: not every change will be seen'];
    output({ type: 'warning', lines });
  }
  await reload();
  output({ type: 'ready', url, port: taken });
}

/** All at once, whatever is in flight: nothing of fn dev outlives it. */
function endWithSignals(first: () => void): { add(end: () => void): void } {
  const ends = [first];
  process.on('exit', () => {
    for (const end of ends) end();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () =>
      process.exit(signal === 'SIGTERM' ? 143 : signal === 'SIGHUP' ? 129 : 0),
    );
  }
  return { add: (end) => void ends.unshift(end) };
}
