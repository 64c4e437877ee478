/**
 * What clients did and saw. Times are of one monotonic clock, in milliseconds: an operation took effect, if it did, at
 * some moment between `invokedAt` and `completedAt`, or later when nobody knows how it ended.
 */

/** `unknown`: the answer was lost; it may have happened, or may still happen. */
export type Answer = 'ok' | 'refused' | 'unknown';

export interface Operation {
  kind: 'push' | 'delete' | 'rollback' | 'environment' | 'cancel';
  /** The branch that it is about; of `environment`, the one whose host shows it. */
  ref: string;
  /** What a push brings, what a rollback said that it brought, what a cancelled push had; null where there is none. */
  commit: string | null;
  /** What `environment` sets. */
  value: string | null;
  invokedAt: number;
  /** Infinite when it is `unknown`. */
  completedAt: number;
  answer: Answer;
  /** That the answer says is live; null when it says none: an accepted push whose release another one overtook. */
  version: number | null;
  /** For people. */
  said: string;
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
