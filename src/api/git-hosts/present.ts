import { controlUrl, type PublicAddress } from '../../model/address.ts';
import type { GitHostView } from '../../protocol/git-hosts-api.ts';
import type { GitConnection } from '../../store/git-connections.ts';

export function presentGitHost(address: PublicAddress, row: GitConnection): GitHostView {
  const { id, kind, url, createdAt, heardAt, problem, hint } = row;
  return {
    id,
    kind,
    url,
    hookUrl: `${controlUrl(address)}/hooks/${id}`,
    createdAt: createdAt.toISOString(),
    heardAt: heardAt?.toISOString() ?? null,
    problem,
    hint,
  };
}
