import type { BundleFile } from '../bundles/index.ts';
import type { BuildInputs } from '../protocol/builder.ts';
import type { BuildRecords, BundlesPort } from './ports.ts';

/** An app's last build, as what the next one need not make again. */
export interface LastBuild {
  inputs: BuildInputs;
  /** Code and source maps of these units; null when the last build had no such unit. */
  takeCode(units: readonly string[]): Promise<BundleFile[] | null>;
}

/** Null when there is none, or its bundle is not whole any more: then all is made again. */
export async function openLastBuild(
  { records, bundles }: { records: BuildRecords; bundles: BundlesPort },
  appId: string,
): Promise<LastBuild | null> {
  const last = await records.last(appId);
  if (last === null || !(await bundles.verify(last.bundle))) return null;
  const manifest = await bundles.readManifest(last.bundle);
  // The name of a bundle holds the app's, and a builder never sees another's: an app gets code of its own only.
  if (manifest.appId !== appId) return null;
  const known = new Set(last.inputs.units.map(({ file }) => file));
  const stored = new Set(manifest.files.map(({ path }) => path));
  return {
    inputs: last.inputs,
    async takeCode(units) {
      const paths = units.flatMap((unit) => [unit, `${unit}.map`]);
      const isSound =
        units.every((unit) => known.has(unit)) && paths.every((path) => stored.has(path));
      if (!isSound) return null;
      return Promise.all(
        paths.map(async (path) => ({ path, content: await bundles.readFile(last.bundle, path) })),
      );
    },
  };
}
