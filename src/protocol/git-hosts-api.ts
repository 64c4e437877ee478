/**
 * Repositories elsewhere over the control API.
 *
 *     GET    /apps/:app/git-hosts       → Page<GitHostView>
 *     POST   /apps/:app/git-hosts       kind, url, accessToken, webhookSecret? → 201 ConnectedGitHost
 *     DELETE /apps/:app/git-hosts/:id   → 204
 *     POST   /hooks/:connection         a webhook, signed → 202
 */
import type { GitHostKind } from '../model/git-host.ts';

export { GIT_HOST_KINDS, type GitHostKind } from '../model/git-host.ts';

export interface GitHostView {
  id: string;
  kind: GitHostKind;
  url: string;
  /** What the host calls. */
  hookUrl: string;
  createdAt: string;
  /** Null when its host was never heard. */
  heardAt: string | null;
  /** What the host last answered wrongly, and what to do; null when all is well. */
  problem: string | null;
  hint: string | null;
}

export interface ConnectedGitHost extends GitHostView {
  /** Shown this once. */
  webhookSecret: string;
}
