import type { DeploymentKind } from '../model/deployment.ts';
import { secretsOf } from '../model/environment.ts';
import { refKind } from '../model/ref.ts';
import { slugForRef } from '../model/slug.ts';
import type { ServedDeployment } from '../model/served.ts';
import type { PrepareResult } from '../protocol/data-plane.ts';
import type { CommitInfo } from '../protocol/git-front.ts';
import { PlatformError } from '../protocol/errors.ts';
import { createRedactor, type Redact } from '../protocol/redaction.ts';
import { failpoint } from '../std/failpoint.ts';
import { newId } from '../std/ids.ts';
import { takeVersion, type App } from '../store/apps.ts';
import { recordBundle } from '../store/builds.ts';
import type { Database, Queryable } from '../store/database.ts';
import {
  advanceDeployment,
  findDeployment,
  insertDeployment,
  type Deployment,
  type DeploymentTrigger,
} from '../store/deployments.ts';
import { claimSlug, findSlug, mapSlugs, releaseUnusedSlug } from '../store/refs.ts';
import { declaresDomains } from './declare-domains.ts';
import { functionsToWarm } from './functions-to-warm.ts';
import type { BuiltBundle, DataPlanePort, SealPort } from './ports.ts';
import type { Environments } from './environments.ts';
import type { DescribedDeployment } from './variables.ts';

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
  warm(reservation: Reservation, bundle: BuiltBundle, how: Warming): Promise<PrepareResult>;
  /**
   * The deployment will not go live: its row, if its app has not taken that away, says why; its workers, environment and
   * unused slug go. Nothing happens to one that is live or has ended.
   */
  fail(deployment: FailedDeployment, reason: string): Promise<void>;
  /** Nobody waits for it any more: it is live, or the reconciler may settle it. */
  letGo(id: string): void;
  /** Whether somebody in this process still works on it. */
  isHeld(id: string): boolean;
}

interface Warming {
  /** Null for a bundle that was stored already. */
  buildMs: number | null;
  /** Without it the newest. */
  envVersion?: number | undefined;
}

type FailedDeployment = Pick<Deployment, 'id' | 'appId' | 'ref' | 'slug'>;

interface Deps {
  db: Database;
  data: DataPlanePort;
  seal: SealPort;
  environments: Environments;
}

/** Of two refs that claim one slug at the same time, one sees the other's claim at its next attempt. */
const SLUG_ATTEMPTS = 5;

export function createReservations({ db, data, seal, environments }: Deps): Reservations {
  const held = new Set<string>();
  return {
    letGo: (id) => void held.delete(id),
    isHeld: (id) => held.has(id),

    async reserve(request) {
      const { app, ref, kind, commit, trigger, pushId, createdBy, sourceVersion } = request;
      const slug = kind === 'production' ? null : await ownSlug(db, app, ref);
      const id = newId('dep');
      const { sha, subject, author } = commit;
      const names = { id, appId: app.id, kind, ref, slug };
      const origin = { commit: sha, subject, author, trigger, sourceVersion, pushId, createdBy };
      const owesDomains = declaresDomains({ kind, trigger });
      held.add(id); // Before anybody can see its row.
      const written = db.transaction(async (tx) => {
        const number = await takeVersion(tx, app.id);
        await insertDeployment(tx, { ...names, ...origin, version: number, owesDomains });
        return number;
      });
      const version = await written.catch((error: unknown) => {
        held.delete(id);
        throw error;
      });
      await failpoint('push.reserved');
      return { ...names, appName: app.name, version, commit, envVersion: 0, trigger, pushId };
    },

    async warm(reservation, bundle, { buildMs, envVersion: older }) {
      await recordBundle(db, reservation.appId, bundle);
      await failpoint('push.bundle-recorded');
      // The newest now, not when the push began: a build takes its time.
      const envVersion = older ?? (await environments.version(reservation.appId));
      await advanceDeployment(db, reservation.id, 'built', {
        bundle: bundle.hash,
        envVersion,
        ...(buildMs !== null && { buildMs }),
      });
      await failpoint('push.built');
      const owner = { ...reservation, bundle: bundle.hash, envVersion };
      const environment = await environments.assemble(owner);
      await seal.seal(reservation.id, environment);
      await failpoint('push.sealed');
      const functions = await functionsToWarm(db, owner, bundle.functions);
      const prepared = await data.prepare(servedDeployment(reservation, bundle), functions);
      await failpoint('push.warmed');
      return withoutSecrets(prepared, createRedactor(secretsOf(environment)));
    },

    async fail({ id, appId, ref, slug }, reason) {
      // First, so that the reconciler settles the row if the database is away now.
      held.delete(id);
      // What went live, or was settled by somebody else, keeps all that it has.
      const hasFailed = await advanceDeployment(db, id, 'failed', { reason });
      if (!hasFailed && (await findDeployment(db, id)) !== null) return;
      await data.release(id).catch(() => {}); // A data process that is away holds nothing.
      if (slug !== null) await releaseUnusedSlug(db, appId, ref);
      await seal.remove([id]);
    },
  };
}

/** The platform, not the code, is at fault. */
export function noWorker(message: string): PlatformError {
  return new PlatformError('busy', `the platform cannot start a worker now: ${message}`, {
    hint: 'nothing has changed; push again in a moment',
  });
}

/** A worker that dies tells with its last words why, and these come from the code. */
function withoutSecrets(prepared: PrepareResult, redact: Redact): PrepareResult {
  if (prepared.kind !== 'failed') return prepared;
  const { failure } = prepared;
  const { message, stack } = failure;
  return { ...prepared, failure: { ...failure, message: redact(message), stack: redact(stack) } };
}

/** What kind of deployment a push of this ref makes. */
export function kindOfRef(ref: string, productionRef: string | null): ReserveRequest['kind'] {
  return ref === productionRef ? 'production' : refKind(ref);
}

function servedDeployment(reservation: Reservation, bundle: BuiltBundle): ServedDeployment {
  const { id, appName, kind, version, commit, ref } = reservation;
  const { hash, functions, hasPublicFiles } = bundle;
  const names = { id, appName, kind, version, commit: commit.sha, ref };
  return { ...names, bundle: hash, functions, hasPublicFiles };
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
