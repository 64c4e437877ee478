/**
 * What the table of conformance consists of. It says nothing of a language: each has fixtures of these names below
 * test/fixtures/conformance/<language>/ where it has the convention, written as its users write them.
 */
export interface ConformanceCase {
  name: string;
  /** Folder of the function. */
  fixture: string;
  request?: ConformanceRequest;
  expected: ConformanceAnswer;
}

export interface ConformanceRequest {
  method?: string;
  path?: string;
  headers?: Record<string, string | string[]>;
  /** Sent with its length, or in chunks when it is a list. */
  body?: string | Uint8Array | string[];
  trailers?: Record<string, string>;
}

export interface ConformanceAnswer {
  status: number;
  /** Those that are named; null for one that must not be there. */
  headers?: Record<string, string | string[] | null>;
  body?: string | Uint8Array;
  /** The body as JSON; what is named must be in it. */
  json?: unknown;
  trailers?: Record<string, string>;
}

/** A fixture whose push is refused, and what it says. */
export interface RefusedFixture {
  fixture: string;
  message: RegExp;
}
