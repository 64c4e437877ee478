import type {
  Access,
  ShareLink as ShareLinkView,
} from '../../protocol/control-client.generated.ts';
import type { AccessLevel } from '../../protocol/snapshot.ts';
import type { AppAccess, ShareLink } from '../../store/private-apps.ts';

export function presentAccess(
  { production, previews }: AppAccess,
  previewDefault: AccessLevel,
): Access {
  return {
    production,
    previews: previews ?? previewDefault,
    isPreviewDefault: previews === null,
  };
}

export function presentShareLink(link: Omit<ShareLink, 'kind' | 'slug'>): ShareLinkView {
  return {
    id: link.id,
    opens: link.target,
    createdBy: link.createdBy,
    createdAt: link.createdAt.toISOString(),
    expiresAt: link.expiresAt.toISOString(),
  };
}
