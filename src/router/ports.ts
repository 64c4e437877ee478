import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type { Clock } from '../std/clock.ts';
import type { Certificates } from './tls/certificates.ts';
import type { Invocation, InvocationFailure, InvocationLink } from '../pool/ports.ts';

/** The pool, as the door sees it. */
export interface FunctionSide {
  functionPool(deployment: ServedDeployment, served: ServedFunction): Dispatcher;
  /** Starts a worker of a function that sleeps, for a request that seems to come; tells whether it has. */
  warm?(deployment: string, functionName: string): boolean;
}

/** The workers of one function. */
export interface Dispatcher {
  /** Never throws; what becomes of it is told to the invocation. */
  dispatch(invocation: Invocation): void;
  /** For an invocation that no worker has begun. */
  withdraw(invocation: Invocation): void;
}

/** Told of what the door itself could not do; must be quick. */
export interface FailureLog {
  /** A public file, or the list of them, could not be read. */
  unreadable(deployment: ServedDeployment, requestId: string, error: unknown): void;
  /** So many connections of clients that took nothing were closed: more waited for such clients than may. */
  untaken(deployment: ServedDeployment, connections: number): void;
}

/** The function that an invocation is of. */
export interface InvocationTarget {
  readonly deployment: ServedDeployment;
  readonly served: ServedFunction;
}

/** How an invocation ended. */
export interface InvocationEnd {
  requestId: string;
  /** What the client was told; null when it did not wait for it. */
  status: number | null;
  /** From the moment when a worker had it; 0 when none ever had. */
  durationMs: number;
  /** How long it waited for a worker to start; null when it did not. */
  coldStartMs: number | null;
  /** Null when the function answered, or was not waited for. */
  failure: InvocationFailure | null;
  /** Of the bodies, as far as they came. */
  requestBytes: number;
  responseBytes: number;
  /** Who had it; null for nobody. */
  worker: Pick<InvocationLink, 'peakMemoryKib'> | null;
}

/** Told of each invocation when it is over; must be quick. */
export interface InvocationLog {
  ended(target: InvocationTarget, end: InvocationEnd): void;
}

export interface DoorDeps {
  functions: FunctionSide;
  failures: FailureLog;
  invocations: InvocationLog;
  clock: Clock;
  /** Absent without HTTPS. */
  https?: HttpsDeps;
}

export interface HttpsDeps {
  certificates: Pick<Certificates, 'table' | 'challenges'>;
  /** Of all data processes: see TlsListener. */
  ticketKeys: Buffer;
}
