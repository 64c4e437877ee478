/** One thing that keeps functions from each other and from the platform, as it was found when the server started. */
export interface Protection {
  /** Short and fixed, for programs: `memory-limit`. */
  protection: string;
  /** `degraded` holds with a reserve that `detail` names. */
  status: 'on' | 'degraded' | 'off';
  /** A sentence about this machine, without the full stop. */
  detail: string;
  /** A command, or what to do, when it is not `on`. */
  fix?: string;
}

/** What anybody may read at `/readyz`: name → status. Details name paths and versions, so they stay with the operator. */
export type ProtectionStatuses = Record<string, Protection['status']>;

export function protectionStatuses(protections: readonly Protection[]): ProtectionStatuses {
  return Object.fromEntries(protections.map(({ protection, status }) => [protection, status]));
}
