import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BuildProblem,
  type BuildResult,
  type BuildStart,
  type BuiltFunction,
  type EnvironmentNeeds,
  type FunctionLimits,
  MAX_BUILT_FILES,
  type ReleaseCommand,
} from '../protocol/builder.ts';
import { formatBytes } from '../protocol/display.ts';
import { type BuildContext, findBuildFolder } from './build-context.ts';
import { prepareProject } from './install/prepare-project.ts';
import { environmentReads } from './environment-reads.ts';
import { type Code, makeCode } from './make-code.ts';
import {
  domainsOf,
  egressOf,
  emptyManifest,
  MANIFEST_FILE,
  type ManifestReading,
  readManifest,
  RUNTIME,
} from './manifest.ts';
import { type FunctionPlan, planFunctions } from './plan-functions.ts';
import { collectPublicFiles, hasPublicFiles, type OutputFile } from './public-files.ts';
import { readReleaseCommand } from './release-command.ts';
import { requiredVariables } from './required-variables.ts';
import { describeBeside, tracePackages, type TracedPackages } from './trace-packages.ts';
import type { UnitRequest } from './unit-stubs.ts';

export interface BuildOutput {
  result: BuildResult;
  files: OutputFile[];
  /** What others shall have of this build, on its way; ends before the build does. */
  pending: Promise<void>[];
}

/** What a build has beside its source. */
export type BuildSurroundings = Pick<BuildContext, 'report' | 'services'>;

export interface SourceFolder {
  /** Absolute path of the unpacked repository. */
  root: string;
  /** Its symbolic links, as `path → target`. */
  links: readonly string[];
}

type Failed = { kind: 'failed'; problems: BuildProblem[] };

/**
 * Turns an unpacked repository into the files of a bundle, or into problems:
 * manifest → dependencies and build command → functions → code → public files.
 */
export async function buildSource(
  source: SourceFolder,
  start: BuildStart,
  surroundings: BuildSurroundings,
): Promise<BuildOutput> {
  const opened = openContext(source, start, surroundings);
  if (opened.kind === 'failed') return failed(opened);
  const { context } = opened;
  // What was installed for a build that fails is there for the one that mends it.
  return { ...(await prepareAndAssemble(context)), pending: context.pending };
}

/**
 * Packages that no build need read stay in the cache. Whatever is not as it should be without them is tried again with
 * them: they may be what is missing.
 */
async function prepareAndAssemble(context: BuildContext): Promise<Omit<BuildOutput, 'pending'>> {
  const warnings = [...context.warnings];
  const output = await prepareThenAssemble(context, { mayStayInCache: true });
  const isComplete = context.vendor?.areThere !== false;
  if (isComplete || output.result.kind === 'built') return output;
  context.warnings = warnings;
  return prepareThenAssemble(context, { mayStayInCache: false });
}

async function prepareThenAssemble(
  context: BuildContext,
  options: { mayStayInCache: boolean },
): Promise<Omit<BuildOutput, 'pending'>> {
  const problems = await prepareProject(context, options);
  return problems.length > 0 ? failed({ problems }) : assemble(context);
}

/** Everything after dependencies and the build command. */
async function assemble(context: BuildContext): Promise<Omit<BuildOutput, 'pending'>> {
  const { defaults } = context.start;
  const planning = planFunctions({ ...context, defaults, hasPublicFiles: hasPublicFiles(context) });
  if (planning.kind === 'failed') return failed(planning);
  const { functions } = planning;
  const release = readReleaseCommand(context);
  if (release.kind === 'failed') return failed(release);
  context.warnings.push(...release.warnings);
  const code = await makeCode([...functions.map(toUnit), ...releaseUnits(release)], context);
  if (code.kind === 'failed') return failed(code);
  describe(functions, code, context.report);
  const packages = await packageFiles(context, code);
  if (packages.kind === 'failed') return failed(packages);
  if (context.vendor?.store.isChanged) context.vendor.save();

  const served = await collectPublicFiles(context, MAX_BUILT_FILES - 2 * functions.length);
  if (served.kind === 'failed') return failed(served);
  return {
    result: {
      kind: 'built',
      runtime: RUNTIME,
      functions: functions.map(toBuiltFunction),
      environment: await environmentNeeds(code, context),
      variables: context.manifest.values.env ?? {},
      egress: egressOf(context.manifest),
      domains: domainsOf(context.manifest),
      publicFiles: served.publicFiles,
      releaseCommand: release.command,
      reused: code.reused,
      inputs: code.inputs && { ...code.inputs, trace: packages.trace },
      warnings: context.warnings,
    },
    files: [...code.files, ...packages.files, ...served.files],
  };
}

/** Of the packages that stay outside the code. */
async function packageFiles(context: BuildContext, { packages }: Code): Promise<TracedPackages> {
  const { externals, vendor, report } = context;
  if (packages.length === 0) return { kind: 'traced', files: [], trace: null };
  let traced: TracedPackages | null = vendor?.store.findBeside(packages) ?? null;
  if (traced === null) {
    if (externals === null) return { kind: 'failed', problems: [] };
    traced = await tracePackages(context, externals, packages);
    if (traced.kind === 'failed') return traced;
    vendor?.store.addBeside(packages, traced);
  }
  report(describeBeside(traced.files));
  return traced;
}

function failed({ problems }: { problems: BuildProblem[] }): BuildOutput {
  return { result: { kind: 'failed', problems }, files: [], pending: [] };
}

function openContext(
  { root, links }: SourceFolder,
  start: BuildStart,
  surroundings: BuildSurroundings,
): { kind: 'opened'; context: BuildContext } | Failed {
  const reading = readManifestFile(root, start.maxima);
  if (reading.kind === 'failed') return reading;
  const { manifest, warnings } = reading;
  const found = findBuildFolder(root, manifest);
  if (found.kind === 'failed') return { kind: 'failed', problems: [found.problem] };
  const { folder, prefix } = found;
  const place = { root, folder, prefix, links };
  const own = {
    warnings,
    externals: null,
    externalsSignature: null,
    dependencyState: '',
    settledFolders: [],
    vendor: null,
    pending: [],
  };
  const completePackages = (): Promise<void> => Promise.resolve();
  const context = { ...place, ...surroundings, ...own, completePackages, manifest, start };
  return { kind: 'opened', context };
}

function readManifestFile(root: string, maxima: FunctionLimits): ManifestReading {
  const path = join(root, MANIFEST_FILE);
  if (!existsSync(path)) return { kind: 'read', manifest: emptyManifest(), warnings: [] };
  return readManifest(readFileSync(path, 'utf8'), maxima);
}

function toUnit({ name, entry, handler }: FunctionPlan): UnitRequest {
  return { file: codeFile(name), entry, handler };
}

function releaseUnits({ command }: { command: ReleaseCommand | null }): UnitRequest[] {
  return command === null
    ? []
    : [{ file: command.file, entry: command.entry, handler: null, isMain: true }];
}

async function environmentNeeds(
  { sources }: Code,
  { root, folder, warnings }: BuildContext,
): Promise<EnvironmentNeeds> {
  const required = requiredVariables(folder);
  warnings.push(...required.warnings);
  return { reads: await environmentReads(root, sources), required: required.names };
}

function toBuiltFunction({ handler, ...plan }: FunctionPlan): BuiltFunction {
  return { ...plan, file: codeFile(plan.name), ...(handler !== null && { handler }) };
}

function codeFile(name: string): string {
  return `${name}.js`;
}

function describe(functions: FunctionPlan[], code: Code, report: BuildContext['report']): void {
  for (const plan of functions) report(describeFunction(plan));
  const bytes = code.files.reduce((sum, { content }) => sum + content.length, 0);
  const reused = functions.filter(({ name }) => code.reused.includes(codeFile(name))).length;
  report(describeBuilt(functions.length, { reused, bytes }));
}

function describeBuilt(
  count: number,
  { reused, bytes }: { reused: number; bytes: number },
): string {
  const functions = count === 1 ? '1 function' : `${count} functions`;
  if (count === 0) return 'No functions: a site of public files';
  if (reused === 0) return `Built ${functions}: ${formatBytes(bytes)}`;
  if (reused === count) return `Nothing to build: ${functions} unchanged`;
  return `Built ${count - reused} of ${functions} (${reused} unchanged): ${formatBytes(bytes)}`;
}

function describeFunction({
  entry,
  path,
  methods,
  memoryMib,
  timeoutMs,
  concurrency,
}: FunctionPlan): string {
  const place =
    path === undefined ? '' : ` ${[methods?.join(','), path].filter(Boolean).join(' ')}`;
  return `${entry}:${place} ${memoryMib} MB, ${timeoutMs / 1000} s, ${concurrency} at a time`;
}
