import { commitUrl, productionUrl, refUrl, type PublicAddress } from '../../model/address.ts';
import { PlatformError } from '../../protocol/errors.ts';
import type { ShareTarget } from '../../protocol/snapshot.ts';
import type { App } from '../../store/apps.ts';
import type { Queryable } from '../../store/database.ts';
import { findCommitRoutes } from '../../store/routes.ts';
import { mapSlugs } from '../../store/refs.ts';

export interface FoundTarget {
  kind: ShareTarget['kind'];
  /** As it is stored with the link. */
  target: string;
  /** Of the host that it opens. */
  url: string;
}

/** What a link shall open. @throws PlatformError not-found, or bad-request for what names two things, or none clearly */
export async function findShareTarget(
  db: Queryable,
  address: PublicAddress,
  { app, branch, commit }: { app: App; branch?: string; commit?: string },
): Promise<FoundTarget> {
  if (branch !== undefined && commit !== undefined) {
    throw new PlatformError('bad-request', 'a link opens one branch or one commit', {
      hint: 'name one of them; make two links for both',
    });
  }
  if (commit !== undefined) return findCommit(db, address, { app, prefix: commit.toLowerCase() });
  if (branch === undefined || isProduction(app, branch)) return production(address, app);
  const slugs = await mapSlugs(db, app.id);
  const wanted = [branch, `refs/heads/${branch}`, `refs/tags/${branch}`];
  const found = [...slugs].find(([ref, slug]) => wanted.includes(ref) || slug === branch);
  if (found === undefined) throw unknown(app, `branch or tag "${branch}"`);
  const [target, slug] = found;
  return { kind: 'ref', target, url: refUrl(address, app.name, slug) };
}

function isProduction({ productionRef }: App, branch: string): boolean {
  return productionRef !== null && [branch, `refs/heads/${branch}`].includes(productionRef);
}

function production(address: PublicAddress, { name }: App): FoundTarget {
  return { kind: 'production', target: 'production', url: productionUrl(address, name) };
}

async function findCommit(
  db: Queryable,
  address: PublicAddress,
  { app, prefix }: { app: App; prefix: string },
): Promise<FoundTarget> {
  const [sha, ...others] = await findCommitRoutes(db, app.id, prefix);
  if (sha === undefined) throw unknown(app, `commit ${prefix}`);
  if (others.length === 0) {
    return { kind: 'commit', target: sha, url: commitUrl(address, app.name, sha) };
  }
  throw new PlatformError('bad-request', `several deployed commits begin with ${prefix}`, {
    hint: 'give more digits',
  });
}

function unknown({ name }: App, what: string): PlatformError {
  return new PlatformError('not-found', `${name} serves no ${what}`, {
    hint: 'fn releases shows what it serves; push a branch to have a preview of it',
  });
}
