/** One run of git in a build sandbox, in a folder that all runs of that sandbox share and that goes with it. */
export interface GitOrder {
  args: readonly string[];
  /** git-config(1), for this run alone. */
  config: readonly (readonly [string, string])[];
  protocols: 'https' | 'http:https';
  /** PEM: the authorities that are believed beside the machine's. */
  authorities: string;
  /** No file that git writes grows beyond it. */
  maxFileBytes: number;
}

export interface GitEnd {
  /** Null when a signal ended it, or its sandbox ended. */
  code: number | null;
  /** The end of each stream, at most MAX_GIT_OUTPUT_CHARACTERS. */
  output: string;
  errors: string;
}

export const MAX_GIT_OUTPUT_CHARACTERS = 64 * 1024;
