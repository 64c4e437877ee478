import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { GitService } from './target.ts';

/**
 * What speaks git's protocol with a client, given requests that were let in and checked. An engine decides nothing:
 * who may do what is the guard's business before it and the hooks' after it.
 */
export interface GitEngine {
  /** The refs of a repository, as a client of the engine's transport reads them first. */
  advertise(service: GitService, repository: string): Readable;
  /** Runs a git service. Its output fails when git could not be run. */
  run(exchange: EngineExchange): EngineRun;
}

export interface EngineExchange {
  service: GitService;
  /** Path of a bare repository. */
  repository: string;
  /** The head's first packets, whole, where it was read; at least one that git acts upon. */
  opening: Buffer;
  /** All that follows. When it fails, git sees its input end. */
  body: Readable;
  /** Called with git's process before it can have read anything. */
  onProcess(child: ChildProcess): void;
}

export interface EngineRun {
  output: Readable;
  /** Ends git and all that it started: its input first, by signals when that is not enough. */
  abort(): void;
}
