/**
 * Whether refs, rows, bundles, routes and sandboxes agree, for `fn doctor --deep` and for tests that have just killed
 * something. It changes nothing, and what is under way at the moment is no finding: only what a second look has as well.
 * Read `consistency.ts` for the looks, then one `compare-*.ts` for each pair of things; these are pure.
 */
export { createConsistency, type Consistency, type ConsistencyReport } from './consistency.ts';
