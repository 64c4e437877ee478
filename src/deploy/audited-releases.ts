import type { Audit, AuditActor, AuditEvent } from '../audit/index.ts';
import type { App } from '../store/apps.ts';
import type { Queryable } from '../store/database.ts';
import { findCreator } from '../store/deployment-names.ts';
import { findDeployment, type Deployment } from '../store/deployments.ts';
import { findRoute, PRODUCTION_ROUTE } from '../store/routes.ts';
import type { Releases } from './release.ts';

interface Deps {
  db: Queryable;
  audit: Audit;
}

/** Writes down each change of what serves, whoever caused it: a push, a rollback, the environment or the reconciler. */
export function createAuditedReleases(releases: Releases, { db, audit }: Deps): Releases {
  return {
    ...releases,
    async release(app, deploymentId, options) {
      const deployment = await findDeployment(db, deploymentId);
      if (deployment === null) return releases.release(app, deploymentId, options);
      const operation = await audit.begin(await releaseEvent(db, app, deployment));
      try {
        const released = await releases.release(app, deploymentId, options);
        if (released === null) await operation.failed('overtaken');
        else await operation.succeeded({ after: describeMade(released.deployment) });
        return released;
      } catch (error) {
        await operation.failed('the platform failed');
        throw error;
      }
    },
    remove: (app, ref) =>
      audit.run(
        { ...platformEvent(app), action: 'removePreview', target: ref, requestId: null },
        () => releases.remove(app, ref),
      ),
  };
}

async function releaseEvent(db: Queryable, app: App, made: Deployment): Promise<AuditEvent> {
  const { id, kind, ref, pushId } = made;
  return {
    ...platformEvent(app),
    actor: await actorOf(db, id),
    action: 'release',
    target: kind === 'production' ? 'production' : ref,
    requestId: pushId,
    before: kind === 'production' ? await describeProduction(db, app) : null,
    after: describeMade(made),
  };
}

function describeMade({ id, version, commit, trigger, envVersion }: Deployment) {
  return { deployment: id, version, commit, trigger, environmentVersion: envVersion };
}

function platformEvent(app: App): Omit<AuditEvent, 'action' | 'target' | 'requestId'> {
  const { id, name } = app;
  const actor = { kind: 'platform' } as const;
  return { actor, app: { id, name }, from: null, before: null, after: null };
}

async function actorOf(db: Queryable, deploymentId: string): Promise<AuditActor> {
  const token = await findCreator(db, deploymentId);
  return token === null ? { kind: 'platform' } : token;
}

async function describeProduction(db: Queryable, app: App): Promise<AuditEvent['before']> {
  const id = await findRoute(db, app.id, PRODUCTION_ROUTE);
  const live = id === null ? null : await findDeployment(db, id);
  return live === null ? null : { deployment: live.id, version: live.version, commit: live.commit };
}
