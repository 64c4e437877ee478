import { PlatformError } from '../../protocol/errors.ts';
import type { App } from '../../store/apps.ts';
import type { Database } from '../../store/database.ts';
import { findDeploymentByName } from '../../store/deployment-names.ts';
import { type FunctionRow, listRunnableVersions } from '../../store/functions.ts';

/** The function as it is in another version of its app. */
type FindVersion = (app: App, row: FunctionRow, version: number) => Promise<FunctionRow>;

/** Versions that a message lists. */
const MAX_NAMED = 20;

/**
 * Production runs as itself; any other version as at the URL of its commit, with the environment of previews.
 * @throws PlatformError not-found for a version that there never was; conflict for one that never lived, or has no such
 *   function
 */
export function createFindVersion({ db }: { db: Database }): FindVersion {
  return async (app, row, version) => {
    const runnable = await listRunnableVersions(db, row);
    const found = runnable.find((one) => one.version === version);
    if (found !== undefined) return { ...row, ...found };
    const { code, message } = await whyNot(app, row, version);
    const names = runnable.slice(0, MAX_NAMED).map((one) => `v${one.version}`);
    throw new PlatformError(code, message, {
      hint: `nothing was invoked; those that can be: ${names.join(', ')}`,
    });
  };

  async function whyNot(
    app: App,
    { name }: FunctionRow,
    version: number,
  ): Promise<{ code: 'not-found' | 'conflict'; message: string }> {
    const deployment = await findDeploymentByName(db, app, `v${version}`).catch(nullIfUnknown);
    if (deployment === null) {
      return { code: 'not-found', message: `${app.name} has no version ${version}` };
    }
    if (deployment.liveAt === null) {
      return { code: 'conflict', message: `v${version} of ${app.name} never lived` };
    }
    const what = `has no function "${name}", or its commit no URL any more`;
    return { code: 'conflict', message: `v${version} of ${app.name} ${what}` };
  }
}

function nullIfUnknown(error: unknown): null {
  if (error instanceof PlatformError && error.code === 'not-found') return null;
  throw error;
}
