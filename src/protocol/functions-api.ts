/**
 * The functions API: functions by themselves, whatever repository they are in. As control-api.ts has it otherwise.
 *
 *     GET    /functions?q=&runtime=&app=&limit=&cursor=  → Page<FunctionView>, by app and name
 *     GET    /functions/:function                        → FunctionDetail
 *
 * `:function` is the function's id, the name of an app that has one function, or `app:function`.
 */

/** A function that production serves. */
export interface FunctionSummary {
  /** `fn-…`; stays, whatever is deployed. */
  id: string;
  /** The app's name where the app has one function. */
  name: string;
  app: string;
  /** Of the function within its app. */
  function: string;
  /** `typescript`, or what it was built for. */
  runtime: string;
  /** Where it is invoked by this API: a path. */
  endpoint: string;
  /** Where production answers it; of a path with parameters the beginning. */
  url: string;
  /** `7` of v7. */
  version: number;
  /** The export that fn.json names; null when it is found out from the exports. */
  handler: string | null;
  /** Megabytes. */
  memory: number;
  /** Milliseconds. */
  timeout: number;
  createdAt: string;
  /** When what serves went live. */
  updatedAt: string;
}

export interface FunctionTrigger {
  type: 'http';
  /** Null for all methods, and for all paths. */
  config: { methods: string[] | null; path: string | null };
}

export interface FunctionDetail extends FunctionSummary {
  /** Repository file; null where the bundle does not tell. */
  entry: string | null;
  /** Full SHA. */
  commit: string;
  deployment: string;
  triggers: FunctionTrigger[];
  /** Names that the app's environment has for production; no values. */
  environment: string[];
  /** Paths of this API. */
  links: { versions: string; logs: string; app: string };
}

export interface FunctionPage {
  items: FunctionSummary[];
  /** The cursor of the next page; null for the last one. */
  next: string | null;
}
