import type { SnapshotAccess } from '../../src/protocol/snapshot.ts';

/** Of an app whose hosts anybody may see. */
export const PUBLIC_ACCESS: SnapshotAccess = {
  production: 'public',
  previews: 'public',
  links: [],
};
