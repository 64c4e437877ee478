import type { App } from '../../../protocol/control-client.generated.ts';
import type { ControlClient } from '../../server/control-client.ts';
import type { ScratchRepository } from '../../git/scratch-repository.ts';

/** What both ways of deploying work with. */
export interface DeployTarget {
  client: ControlClient;
  scratch: ScratchRepository;
  appName: string;
  /** Null for an app that this deployment shall create. */
  app: App | null;
  /** git's address of the app. */
  url: string;
  /** Where the platform's lines go. */
  say: (line: string) => void;
}

export interface Deployed {
  commit: string;
  branch: string;
  /** False when it was live before. */
  isChanged: boolean;
}
