import { PlatformError } from '../protocol/errors.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findDeploymentByName } from '../store/deployment-names.ts';
import type { Deployment } from '../store/deployments.ts';
import type { DomainDeclarations } from './declare-domains.ts';
import type { DeployAgain, DeployedAgain } from './deploy-again.ts';
import { describeMissing, preflightLines } from './describe-preflight.ts';
import type { Environments } from './environments.ts';
import type { BundlePort, BuiltBundle, Report } from './ports.ts';
import type { ReleaseCommands } from './release-command.ts';
import type { Reservation } from './reservation.ts';

/**
 * Makes what a preview serves production: the very bundle that was looked at, with the environment of production, and
 * with all that a push to production would have brought: checks, the release command, domains of fn.json. No branch moves.
 */
export interface Promotions {
  /**
   * `target` is a version, a branch or tag, a commit or a deployment's id.
   * @throws PlatformError not-found, conflict, release-failed, busy
   */
  promote(app: App, target: string, by: { tokenId: string }): Promise<Promoted>;
}

export interface Promoted extends DeployedAgain {
  /** What a pusher would have read on the way: warnings, output of the release command. The last ones, if many. */
  lines: string[];
}

interface Deps {
  db: Database;
  deployAgain: DeployAgain;
  environments: Pick<Environments, 'version' | 'check' | 'forBuild'>;
  bundles: Pick<BundlePort, 'readNeeds'>;
  releaseCommands: ReleaseCommands;
  declarations: Pick<DomainDeclarations, 'declare'>;
}

const MAX_LINES = 100;
/** Nobody ends a promotion, and none takes another one's place. */
const NEVER = new AbortController().signal;

export function createPromotions(deps: Deps): Promotions {
  const { db, deployAgain, environments, bundles, releaseCommands, declarations } = deps;

  /** @throws PlatformError conflict when a build for production would have been another one */
  async function requireSameBuild(app: App, { kind, ref }: Deployment): Promise<void> {
    const [mine, ours] = await Promise.all([
      environments.forBuild(app.id, { kind, ref }),
      environments.forBuild(app.id, { kind: 'production', ref }),
    ]);
    const names = new Set([...Object.keys(mine.values), ...Object.keys(ours.values)]);
    const [other] = [...names].filter((name) => mine.values[name] !== ours.values[name]);
    if (other === undefined) return;
    const why = `its build was given ${other}, which is not the same in production`;
    throw new PlatformError('conflict', `this bundle cannot be promoted: ${why}`, {
      hint: `have it built for production: git push fn <commit>:${app.productionRef?.replace('refs/heads/', '') ?? 'main'}`,
    });
  }

  /** @throws PlatformError release-failed */
  async function prepare(
    reservation: Reservation,
    bundle: BuiltBundle,
    report: Report,
  ): Promise<void> {
    const { releaseCommand } = await bundles.readNeeds(bundle.hash);
    const whole = { ...bundle, ...(releaseCommand !== null && { releaseCommand }) };
    const context = { report, ended: NEVER, cancelled: NEVER };
    const reason = await releaseCommands.run(reservation, whole, context);
    if (reason !== null) throw released(reason);
  }

  async function requireEnvironment(app: App, source: Deployment, report: Report): Promise<void> {
    const target = { kind: 'production' as const, ref: source.ref };
    const owner = { appId: app.id, bundle: source.bundle ?? '', ...target };
    const found = await environments.check(owner, await environments.version(app.id));
    const [first] = found.missing;
    if (first !== undefined) throw released(describeMissing(first, target), first.name);
    for (const line of preflightLines(found, target)) report(line);
  }

  return {
    async promote(app, target, { tokenId }) {
      const found = await findDeploymentByName(db, app, target);
      const source = { ...found, kind: 'production' as const, ref: productionRefOf(app, found) };
      await requireSameBuild(app, found);
      const lines: string[] = [];
      const report = (line: string): void => {
        lines.push(line);
        if (lines.length > MAX_LINES) lines.shift();
      };
      await requireEnvironment(app, source, report);
      const beforeRelease = (reservation: Reservation, bundle: BuiltBundle): Promise<void> =>
        prepare(reservation, bundle, report);
      const by = { trigger: 'promote' as const, tokenId, beforeRelease };
      const promoted = await deployAgain(app, source, by);
      await declarations.declare(app, promoted.deployment, report);
      return { ...promoted, lines };
    },
  };
}

/** @throws PlatformError conflict for what cannot be promoted */
function productionRefOf(app: App, { kind, version, liveAt }: Deployment): string {
  const name = version === null ? 'this deployment' : `v${version}`;
  if (kind === 'production') {
    throw new PlatformError('conflict', `${name} is a release of production already`, {
      hint: `to put it live again: fn rollback ${version === null ? '' : `v${version}`}`.trimEnd(),
    });
  }
  if (liveAt === null) {
    throw new PlatformError('conflict', `${name} was never live`, {
      hint: 'mend it and push again; fn releases shows what was live',
    });
  }
  if (app.productionRef !== null) return app.productionRef;
  throw new PlatformError('conflict', `${app.name} has no production yet`, {
    hint: 'make one: git push fn main',
  });
}

function released(reason: string, missing?: string): PlatformError {
  const hint =
    missing === undefined
      ? 'what was live before still serves'
      : `set it, from standard input: fn env set ${missing}=- --scope production`;
  return new PlatformError('release-failed', reason, { hint });
}
