import type { AppLives, CommitPushes, EnvironmentChanges } from '../deploy/index.ts';
import type { DomainRequest } from '../domains/index.ts';
import type { ValueChange } from '../model/environment.ts';
import { shortRefName } from '../model/slug.ts';
import { PlatformError } from '../protocol/errors.ts';
import { shortSha } from '../protocol/display.ts';
import type { Principal, WrittenFile } from '../protocol/git-front.ts';
import { appNameProblem } from '../model/app.ts';
import type { App } from '../store/apps.ts';
import type { FunctionRow } from '../store/functions.ts';
import {
  changedManifest,
  type FunctionSettings,
  MANIFEST_FILE,
  type NewFunction,
  refuseSettings,
  type SettingMaxima,
  sourceOf,
} from './function-source.ts';
import type { DomainPort, SourcePort, ValuesPort } from './ports.ts';

/** Functions as one thing each, whatever repository they are in. */
export interface Functions {
  /**
   * An app of one function, with a commit in its repository, live when this resolves. Nothing is left of it when it does
   * not come to be.
   * @throws PlatformError bad-request, invalid, conflict, too-large, build-failed, release-failed
   */
  create(request: FunctionToCreate, context: FunctionContext): Promise<DeployedFunction>;
  /** A new commit, or only new values; what was live serves on when it fails. @throws PlatformError as `create` */
  update(
    found: { app: App; row: FunctionRow },
    change: FunctionChange,
    context: FunctionContext,
  ): Promise<Omit<DeployedFunction, 'app'>>;
  /** With the app, of which it must be the only one. @throws PlatformError conflict */
  remove(found: { app: App; row: FunctionRow }): Promise<void>;
}

export interface FunctionToCreate extends NewFunction {
  environment: readonly ValueChange[];
  customDomain: string | null;
}

/** What of a function is in its repository and its environment. */
interface CodeAndValues extends FunctionSettings {
  environment: readonly ValueChange[];
}

export interface FunctionChange extends CodeAndValues {
  /** Beside those that it has; null for no other. */
  customDomain: string | null;
}

export interface FunctionContext {
  by: Principal;
  /** Nobody waits for it any more. */
  signal: AbortSignal;
}

export interface DeployedFunction {
  app: App;
  /** What took effect in another way than somebody may think. */
  warnings: string[];
}

interface Deps {
  lives: Pick<AppLives, 'begin' | 'end' | 'leave'>;
  commits: CommitPushes;
  values: ValuesPort;
  environmentChanges: EnvironmentChanges;
  domains: DomainPort;
  sources: SourcePort;
  maxima: SettingMaxima;
  onError: (error: unknown) => void;
}

/** What the first branch of an app is called. */
const FIRST_REF = 'refs/heads/main';
const ROOT_FUNCTION = 'main';
const WARNING = /^\s+warning: (.*)$/;

export function createFunctions(deps: Deps): Functions {
  const { lives, commits, values, domains, sources, maxima } = deps;

  async function fill(
    app: App,
    request: FunctionToCreate,
    context: FunctionContext,
  ): Promise<string[]> {
    const { environment, customDomain, name } = request;
    if (environment.length > 0) await values.change(app.id, environment, context.by);
    if (customDomain !== null) await domains.add(app, ofProduction(customDomain), context.by);
    const files = sourceOf(request);
    const commit = { ref: FIRST_REF, parent: null, message: `Create ${name}\n`, files };
    return commits.push(app, commit, context);
  }

  /** The files that change, on top of what the branch has now. */
  async function changedFiles(
    { app, row }: { app: App; row: FunctionRow },
    change: CodeAndValues,
    ref: string,
  ): Promise<{ sha: string; files: WrittenFile[] }> {
    const { code, environment: _, ...settings } = change;
    const { entry } = row.settings;
    const branch = await sources.readFiles(app.id, ref, [MANIFEST_FILE]);
    if (branch === null || entry === undefined) throw noSource(app, ref);
    // Else the other files of the branch would go live unasked.
    if (code === undefined && branch.sha !== row.commit) throw notWhatServes(row, ref);
    const files: WrittenFile[] = code === undefined ? [] : [{ path: entry, content: code }];
    if (Object.keys(settings).length > 0) {
      const name = row.name === ROOT_FUNCTION ? null : row.name;
      const content = changedManifest(branch.contents[0] ?? null, name, settings);
      files.push({ path: MANIFEST_FILE, content });
    }
    return { sha: branch.sha, files };
  }

  async function pushChange(
    found: { app: App; row: FunctionRow },
    change: CodeAndValues,
    context: FunctionContext,
  ): Promise<string[]> {
    const { app, row } = found;
    const ref = app.productionRef ?? FIRST_REF;
    const { sha, files } = await changedFiles(found, change, ref);
    const name = row.siblings === 1 ? app.name : row.name;
    const commit = { ref, parent: sha, message: `Update ${name}\n`, files };
    return withValues(app, change.environment, context, () => commits.push(app, commit, context));
  }

  /** The values first, since the code may need them; they go again when the code is not taken. */
  async function withValues(
    app: App,
    changes: readonly ValueChange[],
    { by }: FunctionContext,
    push: () => Promise<string[]>,
  ): Promise<string[]> {
    if (changes.length === 0) return push();
    const before = await values.version(app.id);
    const { version } = await values.change(app.id, changes, by);
    try {
      return await push();
    } catch (error) {
      // Behind the move of its branch the code goes live yet, and needs them.
      if (commits.isStored(error)) throw error;
      // Unless somebody has changed them since, which is not ours to undo.
      if ((await values.version(app.id)) === version && version !== before) {
        await values.restore(app.id, before, by);
      }
      throw error;
    }
  }

  /** The domain first, which may be refused; one that is new goes again when the rest of the change is not taken. */
  async function withDomain<T>(
    app: App,
    name: string | null,
    { by }: FunctionContext,
    work: () => Promise<T>,
  ): Promise<T> {
    if (name === null) return work();
    const before = new Set((await domains.list(app)).map(({ domain }) => domain.name));
    const { domain } = await domains.add(app, ofProduction(name), by);
    try {
      return await work();
    } catch (error) {
      const isToGo = !before.has(domain.name) && !commits.isStored(error);
      if (isToGo) await domains.remove(app, domain.name).catch(deps.onError);
      throw error;
    }
  }

  async function updateNow(
    found: { app: App; row: FunctionRow },
    change: CodeAndValues,
    context: FunctionContext,
  ): Promise<{ warnings: string[] }> {
    const { environment, ...settings } = change;
    if (Object.keys(settings).length > 0) {
      return { warnings: warningsIn(await pushChange(found, change, context)) };
    }
    if (environment.length === 0) return { warnings: [] };
    const changed = await deps.environmentChanges.change(found.app, environment, context.by);
    const { production, warnings } = changed;
    if (production.kind === 'failed') throw doesNotStart(production.reason);
    return { warnings };
  }

  return {
    async create(request, context) {
      refuseName(request.name);
      refuseSettings(request, maxima);
      const app = await lives.begin(request.name);
      try {
        return { app, warnings: warningsIn(await fill(app, request, context)) };
      } catch (error) {
        // Behind the move of its branch it is there, and the reconciler has it released.
        if (commits.isStored(error)) lives.leave(app);
        else await lives.end(app).catch(deps.onError);
        throw error;
      }
    },

    async update(found, change, context) {
      refuseSettings(change, maxima);
      const { customDomain, ...rest } = change;
      return withDomain(found.app, customDomain, context, () => updateNow(found, rest, context));
    },

    async remove({ app, row }) {
      if (row.siblings === 1) return lives.end(app);
      const file = row.settings.entry ?? 'its file';
      throw new PlatformError(
        'conflict',
        `${row.name} is one of ${row.siblings} functions of ${app.name}`,
        {
          hint: `remove ${file} from the repository and push it; to delete the app: fn apps delete ${app.name}`,
        },
      );
    },
  };
}

function ofProduction(name: string): DomainRequest {
  return { name, branch: null, redirectTo: null };
}

function warningsIn(output: readonly string[]): string[] {
  return output.map((line) => WARNING.exec(line)?.[1]).filter((text) => text !== undefined);
}

/** @throws PlatformError bad-request */
function refuseName(name: string): void {
  const problem = appNameProblem(name);
  if (problem === null) return;
  throw new PlatformError('bad-request', problem, {
    hint: 'nothing was made; choose another name',
  });
}

function noSource(app: App, ref: string): PlatformError {
  return new PlatformError(
    'conflict',
    `${shortRefName(ref)} of ${app.name} is not there to be changed`,
    {
      hint: 'push to it once: git push fn main',
    },
  );
}

function notWhatServes({ version, commit }: FunctionRow, ref: string): PlatformError {
  const branch = shortRefName(ref);
  return new PlatformError(
    'conflict',
    `v${version} serves ${shortSha(commit)}, which is not what ${branch} has`,
    {
      hint: 'nothing was changed; send the code too, or push what shall serve',
    },
  );
}

function doesNotStart(reason: string): PlatformError {
  return new PlatformError(
    'release-failed',
    `the code does not start with these values: ${reason}`,
    {
      hint: 'they are kept, and what was live before still serves; change them again',
    },
  );
}
