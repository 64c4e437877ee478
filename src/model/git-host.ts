/** Hosts of repositories whose webhooks are understood. Gitea's are also those of Forgejo. */
export const GIT_HOST_KINDS = ['github', 'gitlab', 'gitea'] as const;
export type GitHostKind = (typeof GIT_HOST_KINDS)[number];

/** What a host has told, reduced to what is done about it. */
export type HostEvent =
  /** A branch or tag has moved, or is gone. Where to is asked of the host itself. */
  | { kind: 'ref'; ref: string }
  /** A pull or merge request within the repository; those of forks are no events. */
  | { kind: 'request'; request: number; ref: string };
