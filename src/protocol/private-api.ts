/**
 * Who may see what an app serves, as the control API tells it.
 *
 *     GET    /apps/:app/access             → AccessView
 *     PUT    /apps/:app/access             AccessRequest → AccessView
 *     GET    /apps/:app/share-links        → Page<ShareLinkView>
 *     POST   /apps/:app/share-links        ShareLinkRequest → 201 CreatedShareLink
 *     DELETE /apps/:app/share-links/:id    → 204
 */
import type { AccessLevel } from './snapshot.ts';

export interface AccessView {
  production: AccessLevel;
  /** Of branches, tags and commits. */
  previews: AccessLevel;
  /** The operator's default decides on previews. */
  isPreviewDefault: boolean;
}

/** What is left out stays as it is. */
export interface AccessRequest {
  production?: AccessLevel;
  previews?: AccessLevel | 'default';
}

/** Of production, or of one of these. */
export interface ShareLinkRequest {
  /** Or a tag. */
  branch?: string;
  /** The SHA, or its first 7 digits and more. */
  commit?: string;
  expiresInSeconds?: number;
}

export interface ShareLinkView {
  id: string;
  /** `production`, the full ref of a branch or tag, or the full SHA of a commit. */
  opens: string;
  createdBy: string | null;
  createdAt: string;
  expiresAt: string;
}

export interface CreatedShareLink extends ShareLinkView {
  /** With the secret, which is shown this once. */
  url: string;
  /** For programs: they send it as x-fn-share. */
  secret: string;
}
