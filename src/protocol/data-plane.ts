/** Methods that each data process serves to control. */
import type { ServedDeployment } from '../model/served.ts';
import type { ReleaseCommand } from './builder.ts';
import type { Snapshot } from './snapshot.ts';

/** What a held worker tells of its start. */
export type PrepareResult =
  | {
      kind: 'ready';
      /** From the bundle's arrival in the worker to its handler being ready. */
      initMs: number;
      /** What each function was found to export, e.g. `{ main: 'web' }`. */
      conventions: Record<string, string>;
    }
  | { kind: 'failed'; function: string; failure: InitFailure }
  /** The platform, not the code, is at fault: nothing could be tried. */
  | { kind: 'unavailable'; message: string };

/** Why a function's code did not start. */
export interface InitFailure {
  reason: 'threw' | 'no-handler' | 'timeout' | 'exited' | 'out-of-memory';
  message: string;
  /** The stack of a throw, in positions of the bundle; empty otherwise. */
  stack: string;
}

/** What shall run once, in a worker of its own, before a deployment goes live. */
export interface ReleaseRun {
  /** Whose environment it gets. */
  deployment: string;
  /** Whose share of the machine it takes. */
  appName: string;
  bundle: string;
  command: ReleaseCommand;
  memoryMib: number;
  timeoutMs: number;
}

export type ReleaseRunResult =
  | { kind: 'succeeded' }
  | { kind: 'failed'; failure: ReleaseFailure }
  /** The platform, not the code, is at fault: it did not begin. */
  | { kind: 'unavailable'; message: string };

export interface ReleaseFailure {
  reason: 'threw' | 'exited' | 'timeout' | 'out-of-memory' | 'cancelled';
  /** Of a throw its own words; else what follows "the release command". */
  message: string;
  /** Of a throw, or what was said last on standard error, in positions of the bundle. */
  stack: string;
}

/** As Lambda takes it. */
export const MAX_PAYLOAD_BYTES = 6 * 1024 * 1024;

/** How an invocation for the API ended. */
export type InvokeOutcome =
  /** The deployment, or its function, is not routed to here. */
  | { kind: 'unknown' }
  | (InvokeFacts & { kind: 'too-large' | 'cancelled' })
  | (InvokeFacts & {
      kind: 'answered';
      status: number;
      contentType: string | null;
      /** Base64. */
      body: string;
    })
  | (InvokeFacts & {
      kind: 'failed';
      status: number;
      errorType: string;
      message: string;
      /** In positions of the bundle; empty where there is none. */
      stack: string;
      /** Of overload alone. */
      retryAfterSeconds: number | null;
    });

interface InvokeFacts {
  requestId: string;
  durationMs: number;
  /** Null when no start was waited for. */
  coldStartMs: number | null;
  peakMemoryKib: number;
  /** What it printed, secrets included. */
  logs: { lines: string[]; dropped: number };
}

/** Workers that wait for one deployment's release; each has its memory already. */
export const MAX_HELD_WORKERS = 8;

export interface DataForControl {
  /**
   * Loads the snapshot from its file; resolves when no new request can reach a deployment that it dropped. The answer
   * is the generation that is served then: the one that was named, or a newer one.
   */
  applySnapshot: { params: { generation: number }; result: { generation: number } };
  /**
   * Loads the certificates and challenges from their file; resolves when every new handshake and challenge is answered
   * by them. The answer is the generation that is served then.
   */
  applyCertificates: { params: { generation: number }; result: { generation: number } };
  /**
   * Starts one worker for each function that is named, and holds the first MAX_HELD_WORKERS of them until the deployment
   * is routed to or released; the others have shown that they start, and end.
   */
  prepare: {
    params: { deployment: ServedDeployment; functions: string[] };
    result: PrepareResult;
  };
  /** Each line that the command prints is told as it comes. The command ends with the call, also when its caller goes. */
  runReleaseCommand: { params: ReleaseRun; result: ReleaseRunResult; progress: { line: string } };
  /**
   * Invokes a function of a deployment that is routed to; its payload, JSON of at most MAX_PAYLOAD_BYTES, is the body of the
   * call. Ends with the call, also when its caller goes.
   */
  invoke: { params: { deployment: string; function: string; host: string }; result: InvokeOutcome };
  /** Ends the workers held for a deployment that will not go live. */
  release: { params: { deployment: string }; result: null };
  /**
   * To be called when the sealed environment of deployments was replaced. Resolves when no new request can reach a
   * worker that has the old one; such workers finish what they have. Deployments without workers are no error.
   */
  restart: { params: { deployments: string[] }; result: null };
  /** Names the apps whose log somebody follows now: what they print is to be sent at once. */
  followLogs: { params: { apps: string[] }; result: null };
  /** Resolves when control has all that was counted before the call. */
  flushMetrics: { params: null; result: null };
  /** Workers, zygotes and requests in flight, for `/readyz`, doctor and tests. */
  status: { params: null; result: DataStatus };
  /** What it routes by, and the sandboxes that its pool has, for whoever compares them with what there should be. */
  inspect: { params: null; result: { routes: Snapshot; slots: string[] } };
}

export interface DataStatus {
  generation: number;
  zygotes: number;
  workers: number;
  inFlight: number;
}
