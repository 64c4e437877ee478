import type { ExternalPackages } from '../external-packages.ts';
import { type UnitRequest, writeStubs } from '../unit-stubs.ts';
import { findPackageImports, type PackageImport } from './package-imports.ts';
import { makeVendorScripts, type VendorScript } from './vendor-script.ts';
import type { VendorStore } from './vendor-store.ts';

/** Installed packages that may be bundled apart from the code that imports them. */
export interface VendorPackages {
  store: VendorStore;
  /** The folder whose node_modules they are in, relative to the repository: '' or `apps/web/`. */
  home: string;
  /** Those among them that stay outside of scripts; null when there are none, or while all are in the cache alone. */
  externals: ExternalPackages | null;
  /** False while they are in the cache alone. */
  areThere: boolean;
  /** Has the store kept for later builds. */
  save: () => void;
}

export interface VendoringPlan {
  /** Units whose packages are in a script of their own; null for those that import none. */
  vendored: Map<UnitRequest, VendorScript | null>;
  /** Units that are bundled with their packages. */
  whole: UnitRequest[];
}

/**
 * Decides which units can have their packages from a script, and makes the scripts that no build has made yet. Null when
 * packages are wanted that are not there.
 *
 * What a unit's code comes to is decided by its own files and the installation alone: not by whether a script is
 * stored already, and not by what else is bundled beside it.
 */
export async function planVendoring(
  units: readonly UnitRequest[],
  root: string,
  { store, home, externals, areThere }: VendorPackages,
): Promise<VendoringPlan | null> {
  const imports = await importsOf(units, root, home);
  const sets = new Map<string, PackageImport[]>();
  for (const set of imports.values()) if (set !== null) sets.set(JSON.stringify(set), set);
  const scripts = new Map<string, VendorScript | null>();
  for (const [key, set] of sets) scripts.set(key, set.length === 0 ? null : store.findScript(set));
  const missing = [...sets].filter(([key, set]) => set.length > 0 && scripts.get(key) === null);
  if (!areThere && (missing.length > 0 || [...imports.values()].includes(null))) return null;
  if (missing.length > 0) {
    const wanted = missing.map(([, set]) => set);
    const made = await makeVendorScripts({ root, home, externals, sets: wanted });
    for (const [index, [key]] of missing.entries()) scripts.set(key, made[index] ?? null);
    for (const script of made) if (script !== null) store.addScript(script);
  }

  const plan: VendoringPlan = { vendored: new Map(), whole: [] };
  for (const unit of units) {
    const set = imports.get(unit) ?? null;
    const script = scripts.get(JSON.stringify(set)) ?? null;
    if (set?.length === 0 || script !== null) plan.vendored.set(unit, script);
    else plan.whole.push(unit);
  }
  return plan;
}

async function importsOf(
  units: readonly UnitRequest[],
  root: string,
  home: string,
): Promise<Map<UnitRequest, PackageImport[] | null>> {
  const entries = writeStubs(root, units);
  const found = await findPackageImports({ root, home, entries });
  return new Map(units.map((unit, index) => [unit, found[index] ?? null]));
}
