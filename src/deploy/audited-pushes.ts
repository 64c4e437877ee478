import type { Audit, AuditEvent, AuditOperation } from '../audit/index.ts';
import type { PushedRefs, RefUpdate } from '../protocol/git-front.ts';
import type { Clock } from '../std/clock.ts';
import { findApp, type App } from '../store/apps.ts';
import type { Queryable } from '../store/database.ts';
import type { PushJournal } from './push-journal.ts';
import type { Pushes } from './push.ts';

interface Deps {
  db: Queryable;
  audit: Audit;
  journal: Pick<PushJournal, 'find'>;
  clock: Clock;
}

/** How long after an accepted pre-receive its post-receive may come, and more; then how it ended stays unknown. */
const FORGET_MS = 120_000;

/** Writes down each ref of a push: before anything is built for it, and when it was refused or has moved. */
export function createAuditedPushes(pushes: Pushes, { db, audit, journal, clock }: Deps): Pushes {
  const open = new Map<string, Map<string, AuditOperation>>();

  async function begin(app: App, pushed: PushedRefs): Promise<Map<string, AuditOperation>> {
    const operations = new Map<string, AuditOperation>();
    const begun = pushed.updates.map(async (update) => {
      operations.set(update.ref, await audit.begin(eventOf(app, pushed, update)));
    });
    await Promise.all(begun);
    return operations;
  }

  return {
    ...pushes,
    async preReceive(pushed, report, signal) {
      const { appId, pushId } = pushed;
      const app = await findApp(db, appId);
      if (app === null) return pushes.preReceive(pushed, report, signal);
      const operations = await begin(app, pushed);
      const refuse = async (): Promise<void> => {
        const outcome = journal.find(appId, pushId)?.outcome ?? 'failed';
        await Promise.all([...operations.values()].map((operation) => operation.failed(outcome)));
      };
      try {
        const isAccepted = await pushes.preReceive(pushed, report, signal);
        if (!isAccepted) await refuse();
        else open.set(pushId, operations);
        clock.after(FORGET_MS, () => open.delete(pushId));
        return isAccepted;
      } catch (error) {
        await refuse();
        throw error;
      }
    },

    async postReceive(pushed, report) {
      const { appId, pushId, updates } = pushed;
      const app = await findApp(db, appId);
      const operations = open.get(pushId);
      open.delete(pushId);
      // First: the refs have moved, whatever becomes of their releases.
      const written = updates.map(async (update) => {
        const operation = operations?.get(update.ref);
        if (operation !== undefined) await operation.succeeded();
        // This process was started in between.
        else if (app !== null) await audit.note(eventOf(app, pushed, update));
      });
      await Promise.all(written);
      return pushes.postReceive(pushed, report);
    },
  };
}

function eventOf(app: App, pushed: PushedRefs, update: RefUpdate): AuditEvent {
  const { pushId, principal, from = null } = pushed;
  const { ref, oldSha, newSha, commit } = update;
  return {
    actor: { kind: principal.kind ?? 'personal', id: principal.tokenId, name: principal.tokenName },
    action: commit === null ? 'deleteRef' : 'pushRef',
    app: { id: app.id, name: app.name },
    target: ref,
    from,
    requestId: pushId,
    before: { object: oldSha },
    after: commit === null ? null : { object: newSha, commit: commit.sha },
  };
}
