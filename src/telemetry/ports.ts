import type { LogEntry } from '../protocol/logs.ts';
import type { Redact } from '../protocol/redaction.ts';

/** Where log entries go to. Must be quick, and must bound what it keeps. */
export interface LogSink {
  add(appName: string, entry: LogEntry): void;
}

/** What control knows of a deployment that prints. */
export interface LogOrigin {
  appId: string;
  appName: string;
  /** sha256 of the bundle; null when none was built. */
  bundle: string | null;
  /** Function name → its file in the bundle. */
  files: Record<string, string>;
}

export interface Origins {
  /** Null for a deployment that there is not. */
  find(deployment: string): Promise<LogOrigin | null>;
}

/** Finds the secrets of a deployment in text. */
export interface Redactors {
  /** Rejects when it cannot be had: then nothing that the deployment printed may be stored. */
  redactorFor(deployment: string): Promise<Redact>;
}

export interface StackSources {
  /** The stack in positions of the source that the bundle's file was built from. */
  resolve(bundle: string, file: string, stack: string): Promise<string>;
}
