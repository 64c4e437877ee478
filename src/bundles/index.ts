/**
 * The bundle store: built code on disk, in folders named by the hash of their content. It checks every name and
 * size itself, because builders handle tenants' files; it never changes or replaces a sound bundle, and it knows
 * nothing of apps, commits and deployments. Read `manifest.ts` for what a bundle is, then `bundle-store.ts`.
 */
export {
  createBundleStore,
  type BundleFile,
  type BundleStore,
  type NewBundle,
} from './bundle-store.ts';
export type { BundleManifest } from './manifest.ts';
