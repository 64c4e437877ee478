import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type { Clock } from '../std/clock.ts';
import type { Invocation, InvocationFailure } from '../pool/ports.ts';

/** The pool, as the door sees it. */
export interface FunctionSide {
  functionPool(deployment: ServedDeployment, served: ServedFunction): Dispatcher;
}

/** The workers of one function. */
export interface Dispatcher {
  /** Never throws; what becomes of it is told to the invocation. */
  dispatch(invocation: Invocation): void;
  /** For an invocation that no worker has begun. */
  withdraw(invocation: Invocation): void;
}

/** Told of each request that failed; must be quick. */
export interface FailureLog {
  failed(deployment: ServedDeployment, requestId: string, failure: InvocationFailure): void;
  /** A public file, or the list of them, could not be read. */
  unreadable(deployment: ServedDeployment, requestId: string, error: unknown): void;
}

export interface DoorDeps {
  functions: FunctionSide;
  failures: FailureLog;
  clock: Clock;
}
