import { findLogOrigin } from '../store/logs.ts';
import type { Queryable } from '../store/database.ts';
import type { LogOrigin, Origins } from './ports.ts';

const MAX_REMEMBERED = 2_000;

/** Asks the database once for each deployment that prints: what it tells never changes once the deployment runs. */
export function createOrigins(db: Queryable): Origins {
  const known = new Map<string, LogOrigin>();
  return {
    async find(deployment) {
      const remembered = known.get(deployment);
      if (remembered !== undefined) return remembered;
      const found = await findLogOrigin(db, deployment);
      if (found === null) return null;
      const { appId, appName, bundle } = found;
      const files = Object.fromEntries(
        (found.functions ?? []).map(({ name, file }) => [name, file]),
      );
      const origin = { appId, appName, bundle, files };
      if (known.size >= MAX_REMEMBERED) known.clear();
      // Before it has a bundle its facts are not complete.
      if (bundle !== null) known.set(deployment, origin);
      return origin;
    },
  };
}
