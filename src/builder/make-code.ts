import type { BuildInputs, BuildProblem } from '../protocol/builder.ts';
import type { BuildContext } from './build-context.ts';
import { bundle, type Bundling, type Vendored } from './bundle.ts';
import { reachableFiles } from './import-graph.ts';
import type { OutputFile } from './public-files.ts';
import { sizeProblems } from './size-report.ts';
import { SourceFiles } from './source-files.ts';
import { recordInputs, unchangedUnits, unitFiles, type UnitFiles } from './unchanged-units.ts';
import type { UnitRequest } from './unit-stubs.ts';
import { planVendoring } from './vendor/plan-vendoring.ts';

/** Code of all units, made now or by the last build. */
export interface Code {
  kind: 'made';
  files: OutputFile[];
  reused: string[];
  inputs: Omit<BuildInputs, 'trace'> | null;
  /** Repository files that the code is made from, packages among them that were not installed as before. */
  sources: string[];
  /** Repository files by which it requires packages that stay outside of it. */
  packages: string[];
}

const LEFT_IN_CACHE = 'Dependencies as before, from the cache, bundled already';

type Failed = { kind: 'failed'; problems: BuildProblem[] };

/** Makes the code of what has changed since the last build. */
export async function makeCode(
  units: UnitRequest[],
  context: BuildContext,
): Promise<Code | Failed> {
  const { start, root } = context;
  const comparison = { ...context, source: new SourceFiles(root) };
  const unchanged = unchangedUnits(units, { ...comparison, previous: start.previous });
  const reused = unchanged.map(({ request }) => request.file);
  const changed = units.filter(({ file }) => !reused.includes(file));
  const bundling = await bundleUnits(changed, context);
  if (bundling.kind === 'failed') return bundling;
  if (context.vendor?.areThere === false) context.report(LEFT_IN_CACHE);
  const problems = bundling.units.flatMap(sizeProblems);
  if (problems.length > 0) return { kind: 'failed', problems };
  const made = bundling.units.map(({ request, metafile, stub, packages }): UnitFiles => {
    const reached = reachableFiles(metafile, stub, context.externals);
    const all = [...new Set([...reached.packages, ...packages])].sort();
    return unitFiles(request, { ...reached, packages: all }, context);
  });
  context.warnings.push(...bundling.warnings);
  const files = bundling.units.flatMap(({ request, code, map }) => [
    { path: request.file, content: code },
    { path: `${request.file}.map`, content: map },
  ]);
  const all = [...unchanged, ...made];
  const distinct = (paths: string[]): string[] => [...new Set(paths)].sort();
  const sources = distinct(all.flatMap((unit) => unit.files));
  const packages = distinct(all.flatMap((unit) => unit.packages));
  return { kind: 'made', files, reused, sources, packages, inputs: recordInputs(all, comparison) };
}

async function bundleUnits(units: UnitRequest[], context: BuildContext): Promise<Bundling> {
  if (units.length === 0) return { kind: 'bundled', units: [], warnings: [] };
  const { root, externals, vendor, completePackages } = context;
  const run = (some: readonly UnitRequest[], vendored: Vendored): Promise<Bundling> =>
    bundle({ root, units: some, externals, vendored, beforeExplaining: completePackages });
  if (vendor === null) return run(units, null);
  const plan = await planVendoring(units, root, vendor);
  if (plan === null) return { kind: 'failed', problems: [] };
  const { vendored, whole } = plan;
  const [first, second] = await Promise.all([
    run([...vendored.keys()], vendored),
    run(whole, null),
  ]);
  if (first.kind === 'failed') return vendor.areThere ? run(units, null) : first;
  if (second.kind === 'failed') return second;
  const warnings = [...first.warnings, ...second.warnings];
  return { kind: 'bundled', units: [...first.units, ...second.units], warnings };
}
