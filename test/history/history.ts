/**
 * What clients did and saw. Times are of one monotonic clock, in milliseconds: an operation took effect, if it did, at
 * some moment between `invokedAt` and `completedAt`, or later when nobody knows how it ended.
 */

import type { PushOutcome } from '../../src/model/push.ts';

/** `unknown`: the answer was lost; it may have happened, or may still happen. */
export type Answer = 'ok' | 'refused' | 'unknown';

export interface Operation {
  kind: 'push' | 'delete' | 'rollback' | 'environment' | 'cancel' | 'attach';
  /** The branch that it is about; of `environment`, the one whose host shows it; none of a whole push. */
  ref: string;
  /** What a push brings, what a rollback said that it brought, what a push had that was cancelled or read along; null where there is none. */
  commit: string | null;
  /** What `environment` sets. */
  value: string | null;
  invokedAt: number;
  /** Infinite when it is `unknown`. */
  completedAt: number;
  /** When its client waited no longer. */
  endedAt: number;
  answer: Answer;
  /** That the answer says is live; null when it says none: an accepted push whose release another one overtook. */
  version: number | null;
  /** For people. */
  said: string;
  /** How many refs the same push had. */
  refs: number;
  /** By Ctrl-C. */
  isInterrupted: boolean;
  /** Git has taken it, and its pusher was told that the platform takes it up later. */
  isPostponed: boolean;
  /** How the push ended, as who was attached to it was told. */
  outcome: PushOutcome | null;
}

/** One request to the host of a branch. */
export interface Reading {
  ref: string;
  askedAt: number;
  answeredAt: number;
  /** 0: no answer. */
  status: number;
  /** As the platform's headers name them. */
  commit: string | null;
  version: number | null;
  /** Of an answer that is no success. */
  said: string | null;
  /** What the code says of itself, in two of its files and in its environment; null when it was not asked. */
  code: {
    one: string;
    two: string;
    commit: string;
    version: string;
    setting: string | null;
  } | null;
}

export interface Row {
  version: number | null;
  ref: string;
  commit: string;
  state: string;
  trigger: string;
  isReleased: boolean;
  reason: string | null;
}

export interface History {
  /** Where production is. */
  production: string;
  operations: Operation[];
  readings: Reading[];
  /** When something was killed. */
  kills: { at: number; target: string }[];
  /** When functions may not answer. */
  absences: { from: number; to: number }[];
  /** Commit → what it says of itself. */
  marks: ReadonlyMap<string, string>;
  /** When all has come to rest. */
  end: {
    refs: ReadonlyMap<string, string>;
    readings: Reading[];
    rows: Row[];
    /** What was still open when every accepted push should have been settled. */
    overdue: string[];
  };
}
