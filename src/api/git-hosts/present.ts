import { controlUrl, type PublicAddress } from '../../model/address.ts';
import type { GitHost } from '../../protocol/control-client.generated.ts';
import type { GitConnection } from '../../store/git-connections.ts';

export function presentGitHost(address: PublicAddress, row: GitConnection): GitHost {
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
