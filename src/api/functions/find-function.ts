import { type Access, type Action, type Actor } from '../../access/index.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { App } from '../../store/apps.ts';
import type { Database } from '../../store/database.ts';
import { findFunction, listFunctionsOfApp, type FunctionRow } from '../../store/functions.ts';

export interface FoundFunction {
  app: App;
  row: FunctionRow;
}

/** The function that somebody means, if the actor may do this to it. */
export type RequireFunction = (
  actor: Actor,
  action: Action,
  name: string,
) => Promise<FoundFunction>;

/**
 * By its id, by the name of an app that has one function, or as `app:function`.
 * @throws PlatformError not-found, alike for what does not exist and for what the actor must not know of; conflict for an
 *   app of several functions
 */
export function createRequireFunction(deps: { db: Database; access: Access }): RequireFunction {
  const { db, access } = deps;

  async function find(name: string): Promise<FunctionRow[]> {
    const byId = name.startsWith(ID_PREFIX) ? await findFunction(db, name) : null;
    if (byId !== null) return [byId];
    const [appName = '', functionName] = name.split(':', 2);
    const rows = await listFunctionsOfApp(db, appName);
    return functionName === undefined ? rows : rows.filter((row) => row.name === functionName);
  }

  return async (actor, action, name) => {
    const rows = await find(name);
    const [row] = rows;
    if (row === undefined) throw unknownFunction(name);
    const app = appOf(row);
    const isSeen = access.may(actor, action, app) || access.may(actor, 'app.read', app);
    if (!isSeen) throw unknownFunction(name);
    access.require(actor, action, app);
    if (rows.length === 1) return { app, row };
    const names = rows.map((one) => `${one.appName}:${one.name}`);
    throw new PlatformError('conflict', `${app.name} has ${rows.length} functions`, {
      hint: `name one of them: ${names.slice(0, MAX_NAMED).join(', ')}`,
    });
  };
}

function appOf({ appId, appName, productionRef, appCreatedAt }: FunctionRow): App {
  return { id: appId, name: appName, productionRef, createdAt: appCreatedAt };
}

/** An app may have a name that begins so, too. */
const ID_PREFIX = 'fn-';
/** Functions that a message lists. */
const MAX_NAMED = 20;

function unknownFunction(name: string): PlatformError {
  return new PlatformError('not-found', `there is no function "${name}" that this token can see`, {
    hint: 'fn apps lists the apps that it can see, fn inspect --app APP the functions of one (GET /functions all of them)',
  });
}
