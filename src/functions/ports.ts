import type { EnvironmentChange, EnvironmentPort } from '../deploy/index.ts';
import type { Domains } from '../domains/index.ts';
import type { ValueChange } from '../model/environment.ts';

/** What stands in repositories. */
export interface SourcePort {
  /** Files of a branch's tip as text; null for what is no file. Null for a branch that there is not. */
  readFiles(
    appId: string,
    ref: string,
    paths: string[],
  ): Promise<{ sha: string; contents: (string | null)[] } | null>;
}

/** The stored values of apps. */
export interface ValuesPort extends Pick<EnvironmentPort, 'version' | 'restore'> {
  /** All changes as one version, or none; nothing is released. @throws PlatformError bad-request, too-large */
  change(
    appId: string,
    changes: readonly ValueChange[],
    by: { tokenId: string },
  ): Promise<EnvironmentChange>;
}

/** The host names of apps' own. */
export type DomainPort = Pick<Domains, 'list' | 'add' | 'remove'>;
