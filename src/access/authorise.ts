import { findAppByName, type App } from '../store/apps.ts';
import type { Queryable } from '../store/database.ts';
import { appsFor, can, type Action, type Principal } from './can.ts';
import { notAllowed, unknownApp } from './refusals.ts';

/** A token that was checked, as the one who acts. */
export interface Actor extends Principal {
  tokenId: string;
  tokenName: string;
  /** Null for never. */
  expiresAt: Date | null;
}

/** The decision `can`, as those need it who have a name or an app in hand. */
export interface Decisions {
  /**
   * The app by its name, if the actor may do this to it.
   * @throws PlatformError not-found for an app that does not exist or that the actor may not read, forbidden
   *   for one that it may
   */
  requireApp(actor: Actor, action: Action, appName: string): Promise<App>;
  /** Whether the actor may do this to an app, or, of none, to the platform. */
  may(actor: Actor, action: Action, app: Pick<App, 'id'> | null): boolean;
  /** Of an app that the actor may know of, or, of none, of the platform. @throws PlatformError forbidden */
  require(actor: Actor, action: Action, app?: Pick<App, 'id'>): void;
  /** Ids of the apps that the actor may do this to; null for all. */
  appsFor(actor: Actor, action: Action): string[] | null;
}

export function createDecisions(db: Queryable): Decisions {
  return {
    async requireApp(actor, action, appName) {
      const app = await findAppByName(db, appName);
      if (app === null) throw unknownApp(appName);
      if (can(actor, action, app.id)) return app;
      throw can(actor, 'app.read', app.id)
        ? notAllowed(actor, action, app.id)
        : unknownApp(appName);
    },
    may: (actor, action, app) => can(actor, action, app?.id ?? null),
    require(actor, action, app) {
      const appId = app?.id ?? null;
      if (!can(actor, action, appId)) throw notAllowed(actor, action, appId);
    },
    appsFor,
  };
}
