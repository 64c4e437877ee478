/** From a changed folder to a new version that serves, or to the reason why the old one goes on. */
import { describeProblems, describeWarnings } from '../../build/index.ts';
import type { BundleStore } from '../../bundles/index.ts';
import type { ServedDeployment } from '../../model/served.ts';
import type { PrepareResult } from '../../protocol/data-plane.ts';
import type { DevBuild } from './dev-builder.ts';
import type { DevOutput } from './dev-output.ts';
import type { DevCommit } from './dev-variables.ts';
import type { Environment, FileEnvironment } from './environment-files.ts';
import { createSourceStacks, type SourceStacks } from './source-stacks.ts';

/** As git writes what there is not. */
const NO_COMMIT = '0'.repeat(40);

type Built = DevBuild & { result: { kind: 'built' } };

/** One version of the folder with one state of its environment. */
export interface DevVersion {
  deployment: ServedDeployment;
  stacks: SourceStacks;
}

/** What a version's environment is made of. */
export interface Told {
  values: Environment;
  commit: DevCommit;
}

export interface ReloadPorts {
  build(): Promise<DevBuild>;
  readEnvironment(): Promise<FileEnvironment>;
  readCommit(): Promise<DevCommit>;
  store: BundleStore;
  /** Starts the version's workers with the environment, beside those of the version before. */
  prepare(version: DevVersion, told: Told): Promise<PrepareResult>;
  /** Every request from now on goes to it. */
  serve(version: DevVersion): Promise<void>;
  output: DevOutput;
  nowMs(): number;
}

/** The function that is called for each change; resolves when all changes so far are served or reported. */
export function createReloads(ports: ReloadPorts, appName: string): () => Promise<void> {
  const { output } = ports;
  let servedKey: string | null = null;
  /** What was said of the version that does not serve; null while the newest one does. */
  let problem: string | null = null;
  let count = 0;
  let running: Promise<void> | null = null;
  let isStale = false;

  /** Told once: a file that changes for other reasons, such as a log, tells nothing new. */
  function broken(lines: string[]): void {
    const text = lines.join('\n');
    if (problem === text) return;
    problem = text;
    output({ type: 'broken', lines, isServingOld: servedKey !== null });
  }

  async function reload(): Promise<void> {
    const startedMs = ports.nowMs();
    const [files, commit, built] = await Promise.all([
      ports.readEnvironment(),
      ports.readCommit(),
      ports.build(),
    ]);
    if (!isBuilt(built)) {
      const problems = built.result.kind === 'failed' ? built.result.problems : [];
      return broken(describeProblems(problems));
    }
    // As in a deployment, what fn.json says lies below what the environment says.
    const environment = { ...files, values: { ...built.result.variables, ...files.values } };
    const bundle = await storeBuilt(ports.store, built);
    const key = `${bundle} ${JSON.stringify(environment.values)}`;
    // A file that matters to nothing, or one that was saved as it was.
    if (key === servedKey && problem === null) return;
    warn(environment, built);
    const deployment = deploymentOf({ built, bundle, appName, commit, count: ++count });
    const stacks = createSourceStacks(built.files);
    const version: DevVersion = { deployment, stacks };
    const prepared = await ports.prepare(version, { values: environment.values, commit });
    if (prepared.kind !== 'ready') return broken(describeStart(prepared, stacks));
    await ports.serve(version);
    servedKey = key;
    problem = null;
    output({
      type: 'reloaded',
      functions: deployment.functions.map(({ name, path }) => `${name} (${path ?? '/*'})`),
      publicFiles: built.result.publicFiles.length,
      ms: Math.round(ports.nowMs() - startedMs),
    });
  }

  function warn(environment: FileEnvironment, { result }: Built): void {
    const missing = result.environment.required.filter((name) => !(name in environment.values));
    const lines = [
      ...environment.warnings.map((warning) => ` !     ${warning}`),
      ...describeWarnings(result.warnings),
      ...missing.map((name) => ` !     ${name} is required by app.json, and no .env file has it`),
    ];
    if (lines.length > 0) output({ type: 'warning', lines });
  }

  async function run(): Promise<void> {
    do {
      isStale = false;
      try {
        await reload();
      } catch (error) {
        broken([` !     ${error instanceof Error ? error.message : String(error)}`]);
      }
    } while (isStale);
    running = null;
  }

  return () => {
    isStale = true;
    running ??= run();
    return running;
  };
}

function isBuilt(output: DevBuild): output is Built {
  return output.result.kind === 'built';
}

/** Packages stay in the working folder, where workers find them: the bundle is code, its maps and public files. */
async function storeBuilt(store: BundleStore, { result, files }: Built): Promise<string> {
  const { kind: _, reused: _reused, inputs: _inputs, ...made } = result;
  const code = result.functions.flatMap(({ file }) => [file, `${file}.map`]);
  const open = result.publicFiles.flatMap(({ file, encodings }) => [
    file,
    ...Object.values(encodings),
  ]);
  const kept = new Set([...code, ...open]);
  const { hash } = await store.put({
    ...made,
    appId: 'dev',
    releaseCommand: null,
    files: files.filter(({ path }) => kept.has(path)),
  });
  return hash;
}

function deploymentOf(of: {
  built: Built;
  bundle: string;
  appName: string;
  commit: DevCommit;
  count: number;
}): ServedDeployment {
  const { functions, publicFiles } = of.built.result;
  return {
    id: `dev-${of.count}`,
    appName: of.appName,
    kind: 'production',
    version: null,
    commit: of.commit.sha === '' ? NO_COMMIT : of.commit.sha,
    ref: 'refs/heads/main',
    bundle: of.bundle,
    functions,
    hasPublicFiles: publicFiles.length > 0,
  };
}

function describeStart(
  prepared: Exclude<PrepareResult, { kind: 'ready' }>,
  stacks: SourceStacks,
): string[] {
  if (prepared.kind === 'unavailable') return [` !     ${prepared.message}`];
  const { message, stack } = prepared.failure;
  return [` !     ${prepared.function} does not start: ${message}`, ...stacks.explain(stack)];
}
