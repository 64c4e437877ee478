/**
 * The control API's JSON, shared by its server and its clients. Requests carry `Authorization: Bearer <token>`.
 * Times are ISO 8601 in UTC; durations are milliseconds. A failure is `application/problem+json`, a `Problem`.
 *
 *     GET    /cli/fn.mjs                     → the command line, one file; takes no token
 *     GET    /whoami                         → WhoAmI
 *     GET    /apps                           → Page<AppView>
 *     GET    /apps/:app                      → AppView
 *     GET    /apps/:app/deployments?limit=   → Page<DeploymentView>, newest first
 *     GET    /apps/:app/deployments/:name    → DeploymentDetail; by id, version, branch, tag or commit
 *     POST   /apps/:app/rollback             RollbackRequest → RollbackResult
 *     POST   /apps/:app/redeploy             RedeployRequest → RollbackResult
 *     GET    /apps/:app/pushes               → Page<PushView>, newest first: running, and the last that ended
 *     GET    /apps/:app/pushes/:id/output    → JSON lines, each a PushOutput, until the push has ended
 *     POST   /apps/:app/pushes/:id/cancel    → PushView

 *     GET    /apps/:app/logs                 → LogPage, newest first; parameters: LogQuery
 *     GET    /apps/:app/logs?tail=true       → a LogView a line as they come (NDJSON), with empty lines in between
 *                                              while none come; as server-sent events for `Accept: text/event-stream`
 *     GET    /tokens                         → Page<TokenView>
 *     POST   /tokens                         CreateTokenRequest → 201 CreatedToken
 *     GET    /tokens/:id                     → TokenView
 *     DELETE /tokens/:id?lastAdmin=          → 204; of the last admin with lastAdmin=true alone
 */
import type { DeploymentKind, DeploymentState } from '../model/deployment.ts';
import type { TokenKind } from '../model/grant.ts';
import type { PushOutcome } from '../model/push.ts';
import type { Role } from '../model/role.ts';
import type { ErrorCode } from './errors.ts';
import type { LogKind } from './logs.ts';
import type { LogLevel } from './worker.ts';

/** In answers to whoever has a token: the version of gitfn that the server runs, as in package.json. */
export const SERVER_VERSION_HEADER = 'x-gitfn-version';

/** A part of a list, as `?limit=` (1 to 200, 50 without it) and `?cursor=` ask for it. */
export interface Page<Item> {
  items: Item[];
  /** The cursor of the next page; null on the last one. */
  next: string | null;
}

/** What a token may do. */
export interface TokenScope {
  kind: TokenKind;
  /** Of all its apps; null where they differ, and of service tokens. */
  role: Role | null;
  /** Names of the apps that the token is limited to; null for all. */
  apps: string[] | null;
  /** The role for each app; a null app stands for all and the platform. */
  grants: GrantView[];
  /** The actions of a service token; null for the others. */
  can: string[] | null;
}

export interface GrantView {
  app: string | null;
  role: Role;
}

export interface WhoAmI extends TokenScope {
  tokenId: string;
  name: string;
  expiresAt: string | null;
}

export interface AppView {
  id: string;
  name: string;
  /** `main` or `master`, without `refs/heads/`; null before the first push of either. */
  productionBranch: string | null;
  /** Where production answers. */
  url: string;
  /** What production serves; null before the first release. */
  version: number | null;
  /** Full SHA that production serves; null before the first release. */
  commit: string | null;
  createdAt: string;
}

/** What caused a deployment. */
export type DeploymentCause =
  | 'push'
  | 'rollback'
  | 'reconcile'
  | 'environment'
  | 'redeploy'
  | 'promote';

export interface DeploymentView {
  id: string;
  /** `7` of v7; null for the unnumbered deployments that commit hosts serve. */
  version: number | null;
  kind: DeploymentKind;
  ref: string;
  /** Full SHA, 40 hex digits. */
  commit: string;
  /** First line of the commit message. */
  subject: string;
  author: string;
  state: DeploymentState;
  /** sha256 of the bundle; null until it is built. */
  bundle: string | null;
  envVersion: number;
  createdAt: string;
  /** Null until it went live. */
  liveAt: string | null;
  /** Null while building, and when the bundle was there already. */
  buildMs: number | null;
  url: string;
  /** Whether its host answers with it now. */
  isCurrent: boolean;
  /** Why it failed; null otherwise. */
  reason: string | null;
  trigger: DeploymentCause;
}

/** Everything of one deployment. */
export interface DeploymentDetail extends DeploymentView {
  /** Where its commit answers, with the preview environment. */
  commitUrl: string;
  /** The version whose bundle it deployed again; null for a push. */
  sourceVersion: number | null;
  /** Name of the token; null for what the platform did by itself. */
  createdBy: string | null;
  /** When it was replaced or failed. */
  endedAt: string | null;
  bundleBytes: number | null;
  /** Empty until it is built. */
  functions: FunctionView[];
}

export interface FunctionView {
  name: string;
  /** Repository file; null where the bundle does not tell. */
  entry: string | null;
  /** Pattern of the paths that it answers; null for all. */
  path: string | null;
  /** Null for all. */
  methods: string[] | null;
  /** As fn.json names it; null when it is found out from the exports. */
  convention: string | null;
  memoryMib: number;
  timeoutMs: number;
  concurrency: number;
}

export interface RollbackResult {
  /** The new deployment of the old bundle. */
  deployment: DeploymentView;
  /** The environment that it runs with. */
  environmentVersion: number;
  /** From the request's arrival to the moment when no new request can reach the old deployment. */
  elapsedMs: number;
}

export interface PushView {
  id: string;
  /** Name of the token that pushed. */
  by: string;
  /** A null commit is a deletion. */
  refs: { ref: string; commit: string | null }[];
  startedAt: string;
  /** Null while it runs, as is the outcome. */
  endedAt: string | null;
  outcome: PushOutcome | null;
}

/**
 * A line as the pusher sees it; nothing but a sign of life; or, last, how the push has ended. Without an outcome the
 * server stopped before the end.
 */
export type PushOutput = { line: string } | Record<string, never> | { outcome: PushOutcome };

/** Narrows down which entries of a log are meant. */
export interface LogQuery {
  /** ISO 8601, or how long ago: `90s`, `10m`, `2h`, `7d`. */
  since?: string;
  until?: string;
  /** This level and those above it. */
  level?: LogLevel;
  /** Text that the entry has, whatever its case. */
  search?: string;
  function?: string;
  /** `v7`, a branch, a commit or an id. */
  deployment?: string;
  /** The beginning of a request id. */
  request?: string;
  limit?: number;
  /**
   * Of a page: `next` of the page before. Of a tail: the id of the last entry that is known, so that those which
   * came after it follow, all of them; `Last-Event-ID` says the same.
   */
  cursor?: string;
}

/** One entry of a log. */
export interface LogView {
  /** Grows from entry to entry. */
  id: string;
  at: string;
  level: LogLevel;
  kind: LogKind;
  function: string;
  /** `7` of v7; null for the unnumbered deployments that commit hosts serve. */
  version: number | null;
  deployment: string;
  /** Null for what belongs to no request. */
  requestId: string | null;
  /** As it was printed: it may have several lines, and anything that a terminal would obey. */
  text: string;
  /** What a structured line says; of a report its figures, of a failure `errorType` and `errorMessage`. */
  fields: Record<string, unknown> | null;
}

/** `next` is the cursor of older entries. */
export type LogPage = Page<LogView>;

export interface TokenView extends TokenScope {
  id: string;
  name: string;
  /** The token's first characters, enough to recognise it and useless to anybody else. */
  prefix: string;
  createdAt: string;
  /** Id of the token that made it; null for the first one. */
  createdBy: string | null;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
}

export interface CreateTokenRequest {
  name: string;
  /** `personal` unless said otherwise. */
  kind?: TokenKind;
  role?: Role;
  /** App names; absent for all and the platform. */
  apps?: string[];
  /** In place of a role and apps. */
  grants?: GrantView[];
  /** What a service token may do. */
  can?: string[];
  expiresInSeconds?: number;
}

/** RFC 9457 problem details. */
export interface Problem {
  /** `about:blank`, or a URL that explains the code. */
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  /** What to do about it. */
  hint?: string;
  /** Id of the request. */
  instance: string;
  /** What is wrong with which part of the request. */
  errors?: ProblemDetail[];
  /** What a build or a release printed, line by line. */
  output?: string[];
}

export interface ProblemDetail {
  /** JSON pointer into the body, as a fragment: `#/apps/0`. */
  pointer?: string;
  /** Of the path or the query string. */
  parameter?: string;
  message: string;
}
