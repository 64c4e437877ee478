/**
 * What several data processes tell one another, by way of the supervisor, so that what an app may have is counted over
 * all of them. A single one says and hears nothing of this.
 *
 *     data → claim              supervisor → claimed, once the app may have another worker
 *     data → unclaim            when the worker has ended, or is waited for no more
 *     supervisor → make-room    another waits for a worker of the app, and this one has most
 *     data → backs-off          supervisor → the same, to the others
 */

/** Names one worker's claim, to the process that makes it. */
export type ClaimId = number;

/** One function of one deployment, as claims name it: `dep-…/name`. */
export type FunctionKey = string;

export interface ClaimRequest {
  type: 'claim';
  claim: ClaimId;
  app: string;
  of: FunctionKey;
  memoryMib: number;
  /** It comes on top of what the app may have, as what a release holds ready does. */
  isOwed: boolean;
}

/** Workers of the function failed several times in a row: none is started for a while. */
export interface BackOff {
  type: 'backs-off';
  of: FunctionKey;
  failures: number;
  forMs: number;
}

export type FleetRequest = ClaimRequest | { type: 'unclaim'; claim: ClaimId } | BackOff;

export type FleetNotice =
  | { type: 'claimed'; claim: ClaimId }
  /**
   * One worker of the app is to end, of this function if one is named: an idle one, as soon as there is one; or, when it
   * `mustEnd`, whichever has least to do, after that.
   */
  | { type: 'make-room'; app: string; of: FunctionKey | null; mustEnd: boolean }
  /** Another process has started a worker of the app. */
  | { type: 'started-elsewhere'; app: string }
  /** So many of the processes have workers of the app: each has that part of what is divided. */
  | { type: 'app-spread'; app: string; processes: number }
  | BackOff;
