import type { DeploymentKind } from '../model/deployment.ts';
import { refKind, type RefKind } from '../model/ref.ts';
import { slugForRef } from '../model/slug.ts';
import type { PublicAddress } from '../model/address.ts';
import type { ServedDeployment } from '../model/served.ts';
import type { PrepareResult } from '../protocol/data-plane.ts';
import type { CommitInfo } from '../protocol/git-front.ts';
import { newId } from '../std/ids.ts';
import { takeVersion, type App } from '../store/apps.ts';
import { recordBundle } from '../store/builds.ts';
import type { Database, Queryable } from '../store/database.ts';
import {
  advanceDeployment,
  insertDeployment,
  type DeploymentTrigger,
} from '../store/deployments.ts';
import { claimSlug, findSlug, listRecordedRefs, mapSlugs, releaseSlug } from '../store/refs.ts';
import type { BuiltBundle, DataPlanePort, SealPort } from './ports.ts';
import { platformVariables, type DescribedDeployment } from './variables.ts';

/** A deployment that has its row, number, environment and soon its workers, but no route yet. */
export interface Reservation extends DescribedDeployment {
  appId: string;
  trigger: DeploymentTrigger;
  pushId: string | null;
}

export interface ReserveRequest {
  app: App;
  ref: string;
  kind: Exclude<DeploymentKind, 'commit'>;
  commit: CommitInfo;
  trigger: DeploymentTrigger;
  pushId: string | null;
  createdBy: string | null;
  sourceVersion: number | null;
}

export interface Reservations {
  /** Takes the next version, the ref's slug and a row in state queued. */
  reserve(request: ReserveRequest): Promise<Reservation>;
  /** Notes the bundle, seals the environment, starts the workers and holds them. */
  warm(
    reservation: Reservation,
    bundle: BuiltBundle,
    buildMs: number | null,
  ): Promise<PrepareResult>;
  /** The deployment will not go live: its row says why, its workers end. */
  fail(reservation: Reservation, reason: string): Promise<void>;
  /** Nobody waits for it any more: it is live, or the reconciler may settle it. */
  letGo(id: string): void;
  /** Whether somebody in this process still works on it. */
  isHeld(id: string): boolean;
}

interface Deps {
  db: Database;
  data: DataPlanePort;
  seal: SealPort;
  address: PublicAddress;
}

/** Of two refs that claim one slug at the same time, one sees the other's claim at its next attempt. */
const SLUG_ATTEMPTS = 5;

export function createReservations({ db, data, seal, address }: Deps): Reservations {
  const held = new Set<string>();
  return {
    letGo: (id) => void held.delete(id),
    isHeld: (id) => held.has(id),

    async reserve(request) {
      const { app, ref, kind, commit } = request;
      const slug = kind === 'production' ? null : await ownSlug(db, app, ref);
      const id = newId('dep');
      held.add(id);
      const version = await db.transaction(async (tx) => {
        const number = await takeVersion(tx, app.id);
        await insertDeployment(tx, {
          id,
          appId: app.id,
          version: number,
          kind,
          ref,
          commit: commit.sha,
          subject: commit.subject,
          author: commit.author,
          trigger: request.trigger,
          sourceVersion: request.sourceVersion,
          pushId: request.pushId,
          createdBy: request.createdBy,
        });
        return number;
      });
      const { trigger, pushId } = request;
      const names = { id, appId: app.id, appName: app.name, kind, ref, slug };
      return { ...names, version, commit, envVersion: 0, trigger, pushId };
    },

    async warm(reservation, bundle, buildMs) {
      await recordBundle(db, reservation.appId, bundle);
      await advanceDeployment(db, reservation.id, 'built', {
        bundle: bundle.hash,
        ...(buildMs !== null && { buildMs }),
      });
      await seal.seal(reservation.id, platformVariables(address, reservation));
      return data.prepare(servedDeployment(reservation, bundle));
    },

    async fail(reservation, reason) {
      await advanceDeployment(db, reservation.id, 'failed', { reason });
      held.delete(reservation.id);
      await dropUnusedSlug(db, reservation);
      await data.release(reservation.id).catch(() => {}); // A data process that is away holds nothing.
    },
  };
}

/** What kind of deployment a push of this ref makes. */
export function kindOfRef(ref: string, productionRef: string | null): ReserveRequest['kind'] {
  if (ref === productionRef) return 'production';
  const kind: RefKind = refKind(ref);
  return kind;
}

function servedDeployment(reservation: Reservation, bundle: BuiltBundle): ServedDeployment {
  const { id, appName, kind, version, commit, ref } = reservation;
  const { hash, functions } = bundle;
  return { id, appName, kind, version, commit: commit.sha, ref, bundle: hash, functions };
}

async function ownSlug(db: Queryable, app: App, ref: string): Promise<string> {
  for (let attempt = 0; attempt < SLUG_ATTEMPTS; attempt++) {
    const owned = await findSlug(db, app.id, ref);
    if (owned !== null) return owned;
    const taken = new Set((await mapSlugs(db, app.id)).values());
    const slug = slugForRef(ref, app.name, (candidate) => taken.has(candidate));
    if (await claimSlug(db, app.id, { ref, slug })) return slug;
  }
  throw new Error(`no slug could be claimed for ${ref}`);
}

/** A ref that never came to be must not keep the clean name from another. */
async function dropUnusedSlug(db: Queryable, reservation: Reservation): Promise<void> {
  if (reservation.slug === null) return;
  const recorded = await listRecordedRefs(db, reservation.appId);
  const isRefAlive = recorded.some((entry) => entry.ref === reservation.ref);
  if (!isRefAlive) await releaseSlug(db, reservation.appId, reservation.ref);
}
