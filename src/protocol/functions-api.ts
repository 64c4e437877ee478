/**
 * The functions API: functions by themselves, whatever repository they are in. As control-api.ts has it otherwise.
 *
 *     GET    /functions?q=&runtime=&app=&limit=&cursor=  → Page<FunctionView>, by app and name
 *     POST   /functions                                  CreateFunctionRequest → 201 DeployedFunctionView
 *     GET    /functions/:function                        → FunctionDetail, with an ETag
 *     PUT    /functions/:function                        UpdateFunctionRequest → DeployedFunctionView; POST is the same
 *     DELETE /functions/:function                        → 204
 *     POST   /functions/:function/invoke                 any JSON, the event → InvocationResult
 *     POST   /functions/:function/rollback               { version } → DeployedFunctionView
 *     GET    /functions/:function/logs                   → LogPage, newest first
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

interface FunctionSettingsRequest {
  /** The export that is the handler. */
  handler?: string;
  /** Megabytes. */
  memory?: number;
  /** Milliseconds. */
  timeout?: number;
  triggers?: { type: string; config?: object }[];
  rateLimit?: { maxRequests: number; windowMs: number };
}

export interface CreateFunctionRequest extends FunctionSettingsRequest {
  name: string;
  runtime: string;
  code: string;
  environment?: Record<string, string>;
  customDomain?: string;
}

export interface UpdateFunctionRequest extends FunctionSettingsRequest {
  runtime?: string;
  code?: string;
  /** Null removes one. */
  environment?: Record<string, string | null>;
}

export interface DeployedFunctionView {
  function: FunctionDetail;
  message: string;
  /** What took effect in another way than somebody may think. */
  warnings: string[];
}

/** A handler that fails is an answer too: 500 when it threw, else what its callers get. */
export interface InvocationResult {
  requestId: string;
  statusCode: number;
  /** Of JSON its value, of other text a string; null for none. */
  body: unknown;
  /** The body is no text: `body` is its bytes in base64. */
  isBase64Encoded?: boolean;
  /** Milliseconds. */
  duration: number;
  /** Megabytes that the worker had at most. */
  memoryUsed: number;
  /** It waited for a worker to start. */
  coldStart: boolean;
  /** What it printed, secrets taken out. */
  logs: string[];
  errorType?: string;
  errorMessage?: string;
  /** In positions of the source, innermost first. */
  stackTrace?: string[];
}
