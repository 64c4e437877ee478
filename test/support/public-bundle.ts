/** Bundles with public files, in a store as the platform has it. */
import { mkdir } from 'node:fs/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type BundleStore, createBundleStore } from '../../src/bundles/index.ts';
import type { DataPlane } from './data-plane.ts';
import { servedDeployment, servedFunction, wrapModule } from './function-code.ts';
import type { ServedDeployment, ServedFunction } from '../../src/model/served.ts';

export interface PublicBundle {
  /** URL path → content. */
  files: Record<string, string | Buffer>;
  /** Those that are stored compressed as well. */
  compressed?: string[];
  /** A module that all functions run. */
  code?: string;
}

/** One for each folder, as in the platform: a new one takes what another is writing for the leftovers of a crash. */
const stores = new Map<string, BundleStore>();

export async function storePublicBundle(bundlesDir: string, bundle: PublicBundle): Promise<string> {
  await mkdir(bundlesDir, { recursive: true });
  const files = [{ path: 'main.js', content: Buffer.from(await wrapModule(bundle.code ?? '')) }];
  const publicFiles = Object.entries(bundle.files).map(([path, content]) => {
    const file = `public${path}`;
    files.push({ path: file, content: Buffer.from(content) });
    if (bundle.compressed?.includes(path) !== true) return { path, file, encodings: {} };
    files.push({ path: `${file}.br`, content: brotliCompressSync(content) });
    files.push({ path: `${file}.gz`, content: gzipSync(content) });
    return { path, file, encodings: { br: `${file}.br`, gzip: `${file}.gz` } };
  });
  const store = stores.get(bundlesDir) ?? createBundleStore(bundlesDir);
  stores.set(bundlesDir, store);
  const { hash } = await store.put({
    appId: 'app-test',
    runtime: 'nodejs26',
    functions: [],
    environment: { reads: [], required: [] },
    releaseCommand: null,
    warnings: [],
    publicFiles,
    files,
  });
  return hash;
}

/** Routes an app to a deployment of such a bundle; without functions it is a site of files alone. */
export async function deployPublic(
  data: DataPlane,
  appName: string,
  bundle: PublicBundle & { functions?: Partial<ServedFunction>[] },
): Promise<ServedDeployment> {
  const deployment = servedDeployment({
    appName,
    bundle: await storePublicBundle(data.bundlesDir, bundle),
    functions: (bundle.functions ?? []).map(servedFunction),
    hasPublicFiles: true,
  });
  data.route(deployment);
  return deployment;
}
