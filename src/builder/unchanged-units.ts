import { createHash } from 'node:crypto';
import {
  type BuildInputs,
  type BuildUnit,
  MAX_RECORDED_FILES,
  MAX_RECORDED_INPUTS,
} from '../protocol/builder.ts';
import { type BuildContext, isSettled } from './build-context.ts';
import type { SourceFiles } from './source-files.ts';
import { hashSurroundings } from './surroundings.ts';
import type { UnitRequest } from './unit-stubs.ts';

type State = Pick<
  BuildContext,
  'dependencyState' | 'settledFolders' | 'externalsSignature' | 'links'
>;

export interface Comparison extends State {
  source: SourceFiles;
  previous: BuildInputs | null;
}

/** A unit with the repository files that it was made from. */
export interface UnitFiles {
  request: UnitRequest;
  /** But for those that the dependency state stands for. */
  files: string[];
  /** By which it requires packages that stay outside the code. */
  packages: string[];
  /** What it is made from may be more when files are added, wherever. */
  isOpen: boolean;
}

/**
 * The units whose code the last build made from exactly what is there now, with the files that they are made from. In
 * doubt a unit is not among them: making it again costs milliseconds, old code in a new deployment costs trust.
 */
export function unchangedUnits(units: readonly UnitRequest[], comparison: Comparison): UnitFiles[] {
  return units.flatMap((request) => {
    const { previous } = comparison;
    const before = previous?.units.find(({ file }) => file === request.file);
    if (previous === null || before === undefined) return [];
    if (before.settings !== hashSettings(request, comparison)) return [];
    const inputs = before.inputs.map((index) => previous.files[index]);
    const isAlike = inputs.every(
      (input) => input !== undefined && comparison.source.sha256(input.path) === input.sha256,
    );
    if (!isAlike) return [];
    const files = inputs.flatMap((input) => (input === undefined ? [] : [input.path]));
    const surroundings = hashSurroundings(files, comparison);
    if (surroundings !== before.surroundings) return [];
    return [{ request, files, packages: before.packages, isOpen: false }];
  });
}

/** What a unit's code came from, as far as it has to be compared. */
export function unitFiles(
  request: UnitRequest,
  made: Omit<UnitFiles, 'request'>,
  state: Pick<State, 'settledFolders'>,
): UnitFiles {
  // Which of a package's files is its entry shows in what surrounds the entry.
  const files = [...new Set([...made.files, ...made.packages])];
  return { ...made, request, files: files.filter((file) => !isSettled(state, file)) };
}

/** What the next build compares with. Units of which it cannot be told what they are made from are left out. */
export function recordInputs(
  units: readonly UnitFiles[],
  comparison: Omit<Comparison, 'previous'>,
): Omit<BuildInputs, 'trace'> | null {
  const indexes = new Map<string, number>();
  const files: BuildInputs['files'] = [];
  let count = 0;
  const recorded = units.flatMap(({ request, files: paths, packages, isOpen }): BuildUnit[] => {
    const hashes = paths.map((path) => ({ path, sha256: comparison.source.sha256(path) }));
    if (isOpen || hashes.some(({ sha256 }) => sha256 === null)) return [];
    const inputs = hashes.map(({ path, sha256 }) => {
      const index = indexes.get(path) ?? files.push({ path, sha256: sha256 ?? '' }) - 1;
      indexes.set(path, index);
      return index;
    });
    count += inputs.length + packages.length;
    const surroundings = hashSurroundings(paths, comparison);
    const settings = hashSettings(request, comparison);
    return [{ file: request.file, settings, inputs, surroundings, packages }];
  });
  const isTooMuch = files.length > MAX_RECORDED_FILES || count > MAX_RECORDED_INPUTS;
  return isTooMuch ? null : { files, units: recorded };
}

function hashSettings(
  { file, entry, handler }: UnitRequest,
  { dependencyState, externalsSignature }: Pick<State, 'dependencyState' | 'externalsSignature'>,
): string {
  const parts = [file, entry, handler, dependencyState, externalsSignature];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
