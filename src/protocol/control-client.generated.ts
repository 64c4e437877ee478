/**
 * The control API as its server and its clients see it: made from its OpenAPI document by `npm run generate`, and compared with it by
 * test/api/client-types.test.ts. Over 300 lines, since nobody edits it.
 */

export type Access = {
  production: 'public' | 'private';
  /** Of branches, tags and commits. */
  previews: 'public' | 'private';
  /** The operator's default decides on previews. */
  isPreviewDefault: boolean;
};

export type App = {
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
};

export type AppDomain = {
  app: string;
  /** In A-labels and lower case, `*.example.com` for all names one level below. */
  name: string;
  /** The same for people, where it has letters beyond ASCII. */
  displayName: string;
  /** Only a verified one is served. */
  state: 'pending' | 'verified';
  /** Where it answers once it is verified and leads here. */
  url: string;
  /** Branch or tag that it serves; null for production. */
  branch: string | null;
  /** The app's domain that it redirects to, once that is verified. */
  redirectTo: string | null;
  proof: 'txt' | 'cname' | null;
  /** `unknown` before DNS was asked, and where it could not tell. */
  pointing: 'here' | 'elsewhere' | 'nowhere' | 'unknown';
  /** What keeps it from being verified, or from being reached; null when nothing does. */
  problem: string | null;
  /** What DNS is to have. A record for `both` proves the name and leads it here; without it one for `proof` and those for `pointing` are wanted. */
  records: {
    type: 'TXT' | 'CNAME' | 'A' | 'AAAA' | 'ALIAS';
    name: string;
    value: string;
    purpose: 'proof' | 'pointing' | 'both';
  }[];
  /** What DNS had when it was last asked. */
  findings: {
    type: 'TXT' | 'CNAME' | 'A';
    name: string;
    server: string | null;
    outcome: 'expected' | 'other' | 'none' | 'unknown-name' | 'failed';
    values: string[];
    message: string;
  }[];
  /** Null where there is to be none: without HTTPS, and before it is verified. */
  certificate: {
    /** `pending`: there is none yet, and nothing has failed. `failing`: there is none, or it is not renewed, with time left. `at-risk`: it is not renewed, and less than a third of its life is left. */
    state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
    /** Null when there is none. */
    expiresAt: string | null;
    problem: string | null;
    hint: string | null;
  } | null;
  checkedAt: string | null;
  /** When DNS will be asked again by itself; null for never. */
  nextCheckAt: string | null;
  createdAt: string;
  verifiedAt: string | null;
};

export type AppMetrics = {
  app: string;
  /** Null for all functions of the app. */
  function: string | null;
  /** Its id; null for all that there ever were. */
  deployment: string | null;
  metrics: Metrics;
  /** Each by itself, the most invoked first; a bounded list. */
  functions: ListedFunctionMetrics[];
};

export type AuditEntry = {
  /** From 1 on, without gaps. */
  sequence: number;
  at: string;
  /** `requested` before it is done; one of the others when it has ended. */
  outcome: 'requested' | 'succeeded' | 'failed';
  /** Why it failed. */
  reason: string | null;
  actor: {
    /** `platform`, or that of the token. */
    kind: string;
    id: string | null;
    name: string | null;
  };
  action: string;
  app: string | null;
  /** What it was done to; null for the app itself. */
  target: string | null;
  /** As the door saw it; null for what the platform did by itself. */
  address: string | null;
  userAgent: string | null;
  /** Of `requested` and of its outcome the same. */
  requestId: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
};

export type AuditVerification = {
  /** How many this call looked at. */
  entries: number;
  /** Of the last entry that was proved; the one before `from` when none was. */
  verifiedTo: number;
  /** Where to go on, with `from`; null at the end, or at a problem. */
  next: number | null;
  problem: {
    /** The first that is not as it was written. */
    sequence: number;
    kind: 'removed' | 'changed' | 'reordered' | 'cut-off' | 'head-missing';
    message: string;
  } | null;
};

export type BegunDeviceLogin = {
  /** What the machine asks with; a secret */
  device_code: string;
  /** What a person types */
  user_code: string;
  /** The command that approves it */
  verification: string;
  /** Seconds */
  expires_in: number;
  /** Seconds from one question to the next */
  interval: number;
};

export type Certificate = {
  /** Null for one that was not issued yet. */
  id: string | null;
  /** A-labels in lower case, `*.example.com`, or IP addresses. */
  names: string[];
  /** Null: the platform's own. */
  app: string | null;
  /** Ordered at a certificate authority, issued by this machine's own, or uploaded. */
  source: 'acme' | 'local' | 'upload';
  /** `pending`: there is none yet, and nothing has failed. `failing`: it could not be ordered or renewed, and there is time. `at-risk`: it ends soon, and there is nothing in its place. */
  state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
  notAfter: string | null;
  /** When the platform orders, renews or tries again; null where it does nothing by itself. */
  nextAttempt: string | null;
  problem: { message: string; hint: string } | null;
};

export type ConnectedGitHost = {
  id: string;
  kind: 'github' | 'gitlab' | 'gitea';
  url: string;
  /** What the host calls. */
  hookUrl: string;
  createdAt: string;
  /** Null when its host was never heard. */
  heardAt: string | null;
  /** What the host last answered wrongly; null when all is well. */
  problem: string | null;
  hint: string | null;
  /** Shown this once. */
  webhookSecret: string;
};

/** Whether refs, rows, bundles, routes and sandboxes agree */
export type ConsistencyReport = {
  /** Empty when all agree; what is under way at the moment is not told */
  findings: Finding[];
  /** How much was looked at */
  checked: { apps: number; refs: number; deployments: number; bundles: number; routes: number };
};

export type CreatedShareLink = {
  id: string;
  /** `production`, the full ref of a branch or tag, or the full SHA of a commit. */
  opens: string;
  createdBy: string | null;
  createdAt: string;
  expiresAt: string;
  /** With the secret, which is shown this once. */
  url: string;
  /** For programs: they send it as x-fn-share. */
  secret: string;
};

export type CreatedToken = {
  id: string;
  name: string;
  kind: 'personal' | 'ci' | 'service';
  /** Of all its apps; null where they differ, and of service tokens. */
  role: 'viewer' | 'deployer' | 'admin' | null;
  /** Names of the apps that the token is limited to; null for all. */
  apps: string[] | null;
  /** The role for each app; a null app stands for all and the platform. */
  grants: { app: string | null; role: 'viewer' | 'deployer' | 'admin' }[];
  /** The actions of a service token; null for the others. */
  can: string[] | null;
  /** The token's first characters, enough to recognise it and useless to anybody else. */
  prefix: string;
  createdAt: string;
  /** Id of the token that made it; null for the first one. */
  createdBy: string | null;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
  token: string;
};

export type DeployedAgain = {
  deployment: Deployment;
  /** The environment that it runs with. */
  environmentVersion: number;
  /** From the request's arrival to the moment when no new request can reach the old deployment. */
  elapsedMs: number;
};

export type DeployedFunction = {
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
};

export type Deployment = {
  id: string;
  /** `7` of v7; null for the unnumbered deployments that commit hosts serve. */
  version: number | null;
  kind: 'production' | 'branch' | 'tag' | 'commit';
  ref: string;
  /** Full SHA, 40 hex digits. */
  commit: string;
  /** First line of the commit message. */
  subject: string;
  author: string;
  state: 'queued' | 'building' | 'warming' | 'live' | 'draining' | 'retired' | 'failed';
  /** sha256 of the bundle; null until it is built. */
  bundle: string | null;
  envVersion: number;
  createdAt: string;
  /** Null until it went live. */
  liveAt: string | null;
  /** Null while building, and when the bundle was there already. */
  buildMs: number | null;
  url: string;
  /** Its host answers with it now. */
  isCurrent: boolean;
  /** Why it failed; null otherwise. */
  reason: string | null;
  /** What caused it. */
  trigger: 'push' | 'rollback' | 'reconcile' | 'environment' | 'redeploy' | 'promote';
};

export type DeploymentDetail = {
  id: string;
  /** `7` of v7; null for the unnumbered deployments that commit hosts serve. */
  version: number | null;
  kind: 'production' | 'branch' | 'tag' | 'commit';
  ref: string;
  /** Full SHA, 40 hex digits. */
  commit: string;
  /** First line of the commit message. */
  subject: string;
  author: string;
  state: 'queued' | 'building' | 'warming' | 'live' | 'draining' | 'retired' | 'failed';
  /** sha256 of the bundle; null until it is built. */
  bundle: string | null;
  envVersion: number;
  createdAt: string;
  /** Null until it went live. */
  liveAt: string | null;
  /** Null while building, and when the bundle was there already. */
  buildMs: number | null;
  url: string;
  /** Its host answers with it now. */
  isCurrent: boolean;
  /** Why it failed; null otherwise. */
  reason: string | null;
  /** What caused it. */
  trigger: 'push' | 'rollback' | 'reconcile' | 'environment' | 'redeploy' | 'promote';
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
  functions: DeployedFunction[];
};

export type DeviceLogin = {
  userCode: string;
  /** What the machine calls itself */
  hostName: string;
  /** Where it asks from */
  address: string;
  createdAt: string;
  expiresAt: string;
};

export type Domain = {
  /** In A-labels and lower case, `*.example.com` for all names one level below. */
  name: string;
  /** The same for people, where it has letters beyond ASCII. */
  displayName: string;
  /** Only a verified one is served. */
  state: 'pending' | 'verified';
  /** Where it answers once it is verified and leads here. */
  url: string;
  /** Branch or tag that it serves; null for production. */
  branch: string | null;
  /** The app's domain that it redirects to, once that is verified. */
  redirectTo: string | null;
  proof: 'txt' | 'cname' | null;
  /** `unknown` before DNS was asked, and where it could not tell. */
  pointing: 'here' | 'elsewhere' | 'nowhere' | 'unknown';
  /** What keeps it from being verified, or from being reached; null when nothing does. */
  problem: string | null;
  /** What DNS is to have. A record for `both` proves the name and leads it here; without it one for `proof` and those for `pointing` are wanted. */
  records: {
    type: 'TXT' | 'CNAME' | 'A' | 'AAAA' | 'ALIAS';
    name: string;
    value: string;
    purpose: 'proof' | 'pointing' | 'both';
  }[];
  /** What DNS had when it was last asked. */
  findings: {
    type: 'TXT' | 'CNAME' | 'A';
    name: string;
    server: string | null;
    outcome: 'expected' | 'other' | 'none' | 'unknown-name' | 'failed';
    values: string[];
    message: string;
  }[];
  /** Null where there is to be none: without HTTPS, and before it is verified. */
  certificate: {
    /** `pending`: there is none yet, and nothing has failed. `failing`: there is none, or it is not renewed, with time left. `at-risk`: it is not renewed, and less than a third of its life is left. */
    state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
    /** Null when there is none. */
    expiresAt: string | null;
    problem: string | null;
    hint: string | null;
  } | null;
  checkedAt: string | null;
  /** When DNS will be asked again by itself; null for never. */
  nextCheckAt: string | null;
  createdAt: string;
  verifiedAt: string | null;
};

export type DomainRemoval = {
  name: string;
  /** Until then no other app gets the name; null for one that was never verified. */
  quarantinedUntil: string | null;
  /** Domains that redirected to it; they serve what they lead to themselves now. */
  redirects: string[];
};

export type Environment = {
  version: number;
  items: {
    name: string;
    /** `all`, `production`, `preview` or `branch:<name>`. */
    scope: string;
    kind: 'plain' | 'secret';
    /** Builds get it too. */
    build: boolean;
    /** Null for secrets, and for a token that may see names only. */
    value: string | null;
    /** The environment version that set it. */
    version: number;
    updatedAt: string;
    /** Name of the token. */
    updatedBy: string | null;
  }[];
};

export type EnvironmentResult = {
  /** The newest version; the one before when nothing was different. */
  version: number;
  set: { name: string; scope: string; kind: 'plain' | 'secret' }[];
  unset: { name: string; scope: string }[];
  production: {
    /** `none`: nothing is live. `current`: what is live runs with these values. `failed`: the code does not start with them, so what was live before still serves, with the values of then. `postponed`: no worker could be had, and it is tried again. */
    state: 'none' | 'current' | 'failed' | 'postponed';
    /** This call made a new deployment. */
    isReleased: boolean;
    live: Deployment | null;
    reason: string | null;
  };
  /** Previews that got other values. */
  previews: number;
  /** What live code reads and will miss, and what became a secret unasked. */
  warnings: string[];
  elapsedMs: number;
};

export type EnvironmentVersion = {
  version: number;
  createdAt: string;
  createdBy: string | null;
  /** The older version that it brought back. */
  restoredFrom: number | null;
  set: { name: string; scope: string }[];
  unset: { name: string; scope: string }[];
};

/** Two things that should agree and do not */
export type Finding = {
  subject: 'refs' | 'rows' | 'bundles' | 'routes' | 'sandboxes';
  /** Name of the app; null where it is of none */
  app: string | null;
  /** Which two things do not agree */
  message: string;
  /** A command, or what the platform does by itself */
  remedy: string;
};

export type FunctionDeployment = {
  function: FunctionDetail;
  message: string;
  /** What took effect in another way than somebody may think. */
  warnings: string[];
};

export type FunctionDetail = {
  /** `fn-…`; stays, whatever is deployed. */
  id: string;
  /** The app's where the app has one function. */
  name: string;
  app: string;
  /** Its name within the app. */
  function: string;
  /** `typescript`, or what it was built for. */
  runtime: string;
  /** Where it is invoked by this API: a path. */
  endpoint: string;
  /** Where production answers it; of a path with parameters the beginning. */
  url: string;
  version: number;
  /** The export that fn.json names; null when it is found out. */
  handler: string | null;
  /** Megabytes. */
  memory: number;
  /** Milliseconds. */
  timeout: number;
  createdAt: string;
  /** When what serves went live. */
  updatedAt: string;
  entry: string | null;
  commit: string;
  deployment: string;
  triggers: { type: 'http'; config: { methods: string[] | null; path: string | null } }[];
  /** Names for production; no values. */
  environment: string[];
  links: { versions: string; logs: string; app: string };
};

export type FunctionSummary = {
  /** `fn-…`; stays, whatever is deployed. */
  id: string;
  /** The app's where the app has one function. */
  name: string;
  app: string;
  /** Its name within the app. */
  function: string;
  /** `typescript`, or what it was built for. */
  runtime: string;
  /** Where it is invoked by this API: a path. */
  endpoint: string;
  /** Where production answers it; of a path with parameters the beginning. */
  url: string;
  version: number;
  /** The export that fn.json names; null when it is found out. */
  handler: string | null;
  /** Megabytes. */
  memory: number;
  /** Milliseconds. */
  timeout: number;
  createdAt: string;
  /** When what serves went live. */
  updatedAt: string;
};

export type GitHost = {
  id: string;
  kind: 'github' | 'gitlab' | 'gitea';
  url: string;
  /** What the host calls. */
  hookUrl: string;
  createdAt: string;
  /** Null when its host was never heard. */
  heardAt: string | null;
  /** What the host last answered wrongly; null when all is well. */
  problem: string | null;
  hint: string | null;
};

export type Invocation = {
  requestId: string;
  statusCode: number;
  /** Of JSON its value, of other text a string. */
  body: unknown;
  /** The body is no text: it is its bytes in base64. */
  isBase64Encoded?: boolean;
  /** Milliseconds. */
  duration: number;
  /** Megabytes. */
  memoryUsed: number;
  /** It waited for a worker to start. */
  coldStart: boolean;
  /** What it printed, secrets taken out. */
  logs: string[];
  errorType?: string;
  errorMessage?: string;
  /** In positions of the source, innermost first. */
  stackTrace?: string[];
};

export type Key = {
  id: string;
  name: string;
  algorithm: string;
  /** As authorized_keys has it, without a comment */
  publicKey: string;
  /** As `ssh-keygen -l` prints it */
  fingerprint: string;
  createdAt: string;
};

export type ListedFunctionMetrics = { app: string; function: string; metrics: Metrics };

export type LogEntry = {
  /** Grows from entry to entry. */
  id: string;
  at: string;
  level: 'debug' | 'info' | 'warn' | 'error';
  kind: 'line' | 'report' | 'failure' | 'notice';
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
};

/** Since the first invocation. Times are milliseconds, rates per cent. */
export type Metrics = {
  invocations: number;
  /** Throws, timeouts, crashes, out of memory and failed starts; not what the function answered with 5xx itself. */
  errors: number;
  coldStarts: number;
  avgDuration: number;
  avgColdStartDuration: number;
  p95Duration: number;
  successRate: number;
  errorRate: number;
  coldStartRate: number;
  /** US dollars, at the prices of AWS Lambda. */
  totalCost: number;
  p50Duration: number;
  p99Duration: number;
  maxDuration: number;
  p95ColdStartDuration: number;
  throws: number;
  timeouts: number;
  crashes: number;
  outOfMemory: number;
  startFailures: number;
  serverErrors: number;
  /** Sent away with 429 or 503 before a worker had them: no invocations. */
  refused: number;
  /** Whose client went before the answer. */
  abandoned: number;
  billedDuration: number;
  gbSeconds: number;
  /** Megabytes. */
  maxMemoryUsed: number;
  requestBytes: number;
  responseBytes: number;
};

export type OidcLogin = {
  /** Shown this once */
  token: string;
  expires_at: string;
};

export type OidcProvider = {
  issuer: string;
  client_id: string;
  authorization_endpoint: string;
  scope: string;
};

export type PlatformMetrics = {
  metrics: Metrics;
  apps: number;
  /** That were ever invoked. */
  functions: number;
  /** That serve now. */
  deployments: number;
  /** Null for a token of some apps only, and while the door is away. */
  running: { workers: number; zygotes: number; inFlight: number } | null;
  /** The most invoked; a bounded list. */
  top: ListedFunctionMetrics[];
};

export type PolledDeviceLogin = {
  state: 'pending' | 'slow-down' | 'approved' | 'denied' | 'expired';
  /** Seconds; while nobody has answered */
  interval?: number;
  /** Once approved; shown this once */
  token?: string;
};

export type Promotion = {
  deployment: Deployment;
  /** The environment that it runs with. */
  environmentVersion: number;
  /** From the request's arrival to the moment when no new request can reach the old deployment. */
  elapsedMs: number;
  lines: string[];
};

export type Push = {
  id: string;
  /** Name of the token that pushed. */
  by: string;
  refs: {
    ref: string;
    /** Null: it deletes the ref. */
    commit: string | null;
  }[];
  startedAt: string;
  /** Null while it runs, as is the outcome. */
  endedAt: string | null;
  outcome:
    | 'succeeded'
    | 'refused'
    | 'build-failed'
    | 'release-failed'
    | 'superseded'
    | 'cancelled'
    | 'failed'
    | null;
};

/** A line as the pusher sees it; nothing but a sign of life; or, last, how the push has ended. Without an outcome the server stopped before the end. */
export type PushOutput = {
  line?: string;
  outcome?:
    | 'succeeded'
    | 'refused'
    | 'build-failed'
    | 'release-failed'
    | 'superseded'
    | 'cancelled'
    | 'failed';
};

export type Release = {
  version: number;
  commit: string;
  subject: string;
  /** What caused it. */
  cause: 'push' | 'rollback' | 'reconcile' | 'environment' | 'redeploy' | 'promote';
  sourceVersion: number | null;
  by: string | null;
  liveAt: string;
  endedAt: string | null;
  isCurrent: boolean;
};

export type ShareLink = {
  id: string;
  /** `production`, the full ref of a branch or tag, or the full SHA of a commit. */
  opens: string;
  createdBy: string | null;
  createdAt: string;
  expiresAt: string;
};

export type Ssh = {
  /** Null where git is not answered over SSH */
  endpoint: {
    host: string;
    port: number;
    /** As known_hosts has it, without the host */
    hostKey: string;
    /** As `ssh-keygen -l` prints it */
    fingerprint: string;
  } | null;
};

export type Token = {
  id: string;
  name: string;
  kind: 'personal' | 'ci' | 'service';
  /** Of all its apps; null where they differ, and of service tokens. */
  role: 'viewer' | 'deployer' | 'admin' | null;
  /** Names of the apps that the token is limited to; null for all. */
  apps: string[] | null;
  /** The role for each app; a null app stands for all and the platform. */
  grants: { app: string | null; role: 'viewer' | 'deployer' | 'admin' }[];
  /** The actions of a service token; null for the others. */
  can: string[] | null;
  /** The token's first characters, enough to recognise it and useless to anybody else. */
  prefix: string;
  createdAt: string;
  /** Id of the token that made it; null for the first one. */
  createdBy: string | null;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
};

export type UploadedCertificate = {
  id: string;
  /** A-labels in lower case, `*.example.com`, or IP addresses. */
  names: string[];
  /** Null: the platform's own. */
  app: string | null;
  /** Ordered at a certificate authority, issued by this machine's own, or uploaded. */
  source: 'acme' | 'local' | 'upload';
  /** `pending`: there is none yet, and nothing has failed. `failing`: it could not be ordered or renewed, and there is time. `at-risk`: it ends soon, and there is nothing in its place. */
  state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
  notAfter: string | null;
  /** When the platform orders, renews or tries again; null where it does nothing by itself. */
  nextAttempt: string | null;
  problem: { message: string; hint: string } | null;
  warnings: string[];
  replaced: string[];
};

export type WhoAmI = {
  tokenId: string;
  name: string;
  kind: 'personal' | 'ci' | 'service';
  /** Of all its apps; null where they differ, and of service tokens. */
  role: 'viewer' | 'deployer' | 'admin' | null;
  /** Names of the apps that the token is limited to; null for all. */
  apps: string[] | null;
  /** The role for each app; a null app stands for all and the platform. */
  grants: { app: string | null; role: 'viewer' | 'deployer' | 'admin' }[];
  /** The actions of a service token; null for the others. */
  can: string[] | null;
  expiresAt: string | null;
};

/** What each operation takes and gives. */
export interface Operations {
  /** Download the command line, one file for Node 20 and newer; takes no token */
  downloadCommandLine: { input: object; answer: string };
  /** Show whose token this is */
  whoAmI: { input: object; answer: WhoAmI };
  /** List the apps that the token can see, by name */
  listApps: {
    input: { query?: { limit?: number; cursor?: string; q?: string } };
    answer: { items: App[]; next: string | null };
  };
  /** Show one app */
  getApp: { input: { params: { app: string } }; answer: App };
  /** Delete an app with all that is its own */
  deleteApp: { input: { params: { app: string } }; answer: undefined };
  /** Tell who may see what an app serves */
  getAccess: { input: { params: { app: string } }; answer: Access };
  /** Have everybody see production or previews of an app, or who has a share link */
  setAccess: {
    input: {
      params: { app: string };
      body: { production?: 'public' | 'private'; previews?: 'public' | 'private' | 'default' };
    };
    answer: Access;
  };
  /** List the share links of an app that have not expired, without their secrets */
  listShareLinks: {
    input: { params: { app: string }; query?: { limit?: number; cursor?: string } };
    answer: { items: ShareLink[]; next: string | null };
  };
  /** Make a link that opens what is private of an app; its secret is shown this once */
  createShareLink: {
    input: {
      params: { app: string };
      body: {
        /** Or a tag. */
        branch?: string;
        /** The SHA, or its first 7 digits and more. */
        commit?: string;
        expiresInSeconds?: number;
      };
    };
    answer: CreatedShareLink;
  };
  /** Remove a share link: it opens nothing any more, for whoever has it */
  removeShareLink: { input: { params: { app: string; id: string } }; answer: undefined };
  /** List deployments, newest first */
  listDeployments: {
    input: {
      params: { app: string };
      query?: {
        limit?: number;
        cursor?: string;
        state?: 'queued' | 'building' | 'warming' | 'live' | 'draining' | 'retired' | 'failed';
        kind?: 'production' | 'branch' | 'tag' | 'commit';
        ref?: string;
      };
    };
    answer: { items: Deployment[]; next: string | null };
  };
  /** Show one deployment: by id, version, branch, tag or commit */
  getDeployment: {
    input: { params: { app: string; deployment: string } };
    answer: DeploymentDetail;
  };
  /** List what production served, newest first */
  listReleases: {
    input: { params: { app: string }; query?: { limit?: number; cursor?: string } };
    answer: { items: Release[]; next: string | null };
  };
  /** Deploy a preview's bundle to production, with the environment of production */
  promote: { input: { params: { app: string }; body: { target: string } }; answer: Promotion };
  /** Deploy a bundle again with the environment of now, as a new version */
  redeploy: {
    input: { params: { app: string }; body: { target?: string } };
    answer: DeployedAgain;
  };
  /** Make an earlier release live again, as a new version */
  rollback: {
    input: { params: { app: string }; body: { target?: string; withEnvironment?: boolean } };
    answer: DeployedAgain;
  };
  /** List the functions that production of each app serves */
  listFunctions: {
    input: {
      query?: { limit?: number; cursor?: string; q?: string; runtime?: string; app?: string };
    };
    answer: { items: FunctionSummary[]; next: string | null };
  };
  /** Make an app of one function, and deploy it */
  createFunction: {
    input: {
      body: {
        name: string;
        /** `typescript` or `nodejs26`. */
        runtime: string;
        /** The text of one file. */
        code: string;
        /** The export that is the handler; found out when it is left out. */
        handler?: string;
        /** Megabytes. */
        memory?: number;
        /** Milliseconds. */
        timeout?: number;
        triggers?: {
          type: 'http' | 'cron' | 'event' | 'queue' | 'websocket';
          config?: Record<string, unknown>;
        }[];
        rateLimit?: { maxRequests: number; windowMs: number };
        /** Stored encrypted, and never in the repository. */
        environment?: Record<string, unknown>;
        /** Served once DNS shows whose it is. */
        customDomain?: string;
      };
    };
    answer: FunctionDeployment;
  };
  /** Show one function */
  getFunction: { input: { params: { function: string } }; answer: FunctionDetail };
  /** Deploy a function with other code, settings or values; what is left out stays */
  updateFunction: {
    input: {
      params: { function: string };
      body: {
        /** As it is, so that what made it can be sent again: a function keeps its name. */
        name?: string;
        /** `typescript` or `nodejs26`. */
        runtime?: string;
        /** The text of one file. */
        code?: string;
        /** The export that is the handler; found out when it is left out. */
        handler?: string;
        /** Megabytes. */
        memory?: number;
        /** Milliseconds. */
        timeout?: number;
        triggers?: {
          type: 'http' | 'cron' | 'event' | 'queue' | 'websocket';
          config?: Record<string, unknown>;
        }[];
        rateLimit?: { maxRequests: number; windowMs: number };
        /** Those that are named are set, or removed where they are null; others stay. */
        environment?: Record<string, unknown>;
        /** Served once DNS shows whose it is. */
        customDomain?: string;
      };
    };
    answer: FunctionDeployment;
  };
  /** Deploy a function with other code, settings or values; what is left out stays */
  deployFunction: {
    input: {
      params: { function: string };
      body: {
        /** As it is, so that what made it can be sent again: a function keeps its name. */
        name?: string;
        /** `typescript` or `nodejs26`. */
        runtime?: string;
        /** The text of one file. */
        code?: string;
        /** The export that is the handler; found out when it is left out. */
        handler?: string;
        /** Megabytes. */
        memory?: number;
        /** Milliseconds. */
        timeout?: number;
        triggers?: {
          type: 'http' | 'cron' | 'event' | 'queue' | 'websocket';
          config?: Record<string, unknown>;
        }[];
        rateLimit?: { maxRequests: number; windowMs: number };
        /** Those that are named are set, or removed where they are null; others stay. */
        environment?: Record<string, unknown>;
        /** Served once DNS shows whose it is. */
        customDomain?: string;
      };
    };
    answer: FunctionDeployment;
  };
  /** Delete a function, and with it the app that has no other */
  deleteFunction: { input: { params: { function: string } }; answer: undefined };
  /** Read what a function printed, newest first */
  listFunctionLogs: {
    input: {
      params: { function: string };
      query?: {
        limit?: number;
        cursor?: string;
        level?: 'debug' | 'info' | 'warn' | 'error';
        since?: string;
        q?: string;
      };
    };
    answer: { items: LogEntry[]; next: string | null };
  };
  /** Make an earlier version of the function’s app live again */
  rollbackFunction: {
    input: { params: { function: string }; body: { version: number } };
    answer: FunctionDeployment;
  };
  /** Invoke a function with any JSON as its event, and wait for what it answers */
  invokeFunction: {
    input: { params: { function: string }; query?: { version?: number }; body: unknown };
    answer: Invocation;
  };
  /** List running pushes and the last that have ended, newest first */
  listPushes: {
    input: { params: { app: string }; query?: { limit?: number; cursor?: string } };
    answer: { items: Push[]; next: string | null };
  };
  /** Follow what a push prints, as JSON lines */
  followPush: { input: { params: { app: string; push: string } }; answer: PushOutput };
  /** End a push while it is being built */
  cancelPush: { input: { params: { app: string; push: string } }; answer: Push };
  /** Read what functions printed, newest first; or follow it with tail */
  listLogs: {
    input: {
      params: { app: string };
      query?: {
        since?: string;
        until?: string;
        level?: 'debug' | 'info' | 'warn' | 'error';
        search?: string;
        function?: string;
        deployment?: string;
        request?: string;
        limit?: number;
        cursor?: string;
        tail?: boolean;
      };
    };
    answer: { items: LogEntry[]; next: string | null };
  };
  /** The figures of the platform in the text format of Prometheus */
  getPrometheusMetrics: { input: object; answer: string };
  /** What the functions of an app have had */
  getAppMetrics: {
    input: {
      params: { app: string };
      query?: { function?: string; deployment?: string; version?: number };
    };
    answer: AppMetrics;
  };
  /** What a function has had, in all its deployments or in one */
  getFunctionMetrics: {
    input: { params: { function: string }; query?: { deployment?: string; version?: number } };
    answer: { functionId: string; metrics: Metrics };
  };
  /** What all functions that the token may see have had, and what runs */
  getPlatformMetrics: { input: object; answer: PlatformMetrics };
  /** List the environment; secrets without their values */
  getEnvironment: {
    input: { params: { app: string }; query?: { version?: number } };
    answer: Environment;
  };
  /** Set and unset values: all of them, as one version, or none */
  changeEnvironment: {
    input: {
      params: { app: string };
      body: {
        set?: {
          name: string;
          value: string;
          /** `all`, `production`, `preview` or `branch:<name>`. The first without it. */
          scope?: string;
          kind?: 'plain' | 'secret';
          build?: boolean;
        }[];
        unset?: { name: string; scope?: string }[];
      };
    };
    answer: EnvironmentResult;
  };
  /** List the versions of the environment and what each changed, newest first */
  listEnvironmentVersions: {
    input: { params: { app: string }; query?: { limit?: number; cursor?: string } };
    answer: { items: EnvironmentVersion[]; next: string | null };
  };
  /** Set one value */
  setEnvironmentValue: {
    input: {
      params: { app: string; name: string };
      body: {
        value: string;
        /** `all`, `production`, `preview` or `branch:<name>`. The first without it. */
        scope?: string;
        kind?: 'plain' | 'secret';
        build?: boolean;
      };
    };
    answer: EnvironmentResult;
  };
  /** Unset one value */
  unsetEnvironmentValue: {
    input: { params: { app: string; name: string }; query?: { scope?: string } };
    answer: EnvironmentResult;
  };
  /** List the domains of all apps that the token may see */
  listAllDomains: {
    input: { query?: { limit?: number; cursor?: string; state?: 'pending' | 'verified' } };
    answer: { items: AppDomain[]; next: string | null };
  };
  /** List the domains of an app, and what each still needs */
  listDomains: {
    input: {
      params: { app: string };
      query?: { limit?: number; cursor?: string; state?: 'pending' | 'verified' };
    };
    answer: { items: Domain[]; next: string | null };
  };
  /** Add a domain, or change what one leads to; DNS is asked at once */
  addDomain: {
    input: {
      params: { app: string };
      body: {
        name: string;
        /** Branch or tag that it serves; without it, production. */
        branch?: string;
        /** Another domain of the app. */
        redirectTo?: string;
      };
    };
    answer: Domain;
  };
  /** Show one domain */
  getDomain: { input: { params: { app: string; name: string } }; answer: Domain };
  /** Remove a domain: it answers no more at once */
  removeDomain: { input: { params: { app: string; name: string } }; answer: DomainRemoval };
  /** Ask DNS now whether a domain is proved and leads here */
  verifyDomain: { input: { params: { app: string; name: string } }; answer: Domain };
  /** List the certificates of the platform and of the apps that the token can see */
  listCertificates: {
    input: { query?: { limit?: number; cursor?: string } };
    answer: { items: Certificate[]; next: string | null };
  };
  /** Upload a certificate and its key, which nobody can read again */
  uploadCertificate: {
    input: {
      body: {
        /** PEM, leaf first. */
        chain: string;
        /** PEM, unencrypted. */
        key: string;
        /** Whose domains it is for; without it, those of the platform, which only an admin may change. */
        app?: string;
      };
    };
    answer: UploadedCertificate;
  };
  /** Show the certificate of this machine's own authority; takes no token */
  getAuthority: { input: object; answer: { certificate: string } };
  /** Remove an uploaded certificate */
  removeCertificate: { input: { params: { id: string } }; answer: undefined };
  /** Replace the master key and encrypt everything anew, while all serves */
  rotateMasterKey: { input: object; answer: { keyId: string; elapsedMs: number } };
  /** Compare refs, rows, bundles, routes and sandboxes, and say what does not agree */
  checkConsistency: { input: object; answer: ConsistencyReport };
  /** List all tokens, or those confined to apps that the token administers */
  listTokens: {
    input: { query?: { limit?: number; cursor?: string } };
    answer: { items: Token[]; next: string | null };
  };
  /** Create a token; its text is shown this once */
  createToken: {
    input: {
      body: {
        name: string;
        role?: 'viewer' | 'deployer' | 'admin';
        /** Absent for all and the platform. */
        apps?: string[];
        /** In place of a role and apps. */
        grants?: { app: string | null; role: 'viewer' | 'deployer' | 'admin' }[];
        expiresInSeconds?: number;
        /** `personal` unless said otherwise. */
        kind?: 'personal' | 'ci' | 'service';
        /** What a service token may do. */
        can?: string[];
      };
    };
    answer: CreatedToken;
  };
  /** Show a token, without its text */
  getToken: { input: { params: { id: string } }; answer: Token };
  /** Revoke a token at once; the last admin only with lastAdmin=true */
  revokeToken: {
    input: { params: { id: string }; query?: { lastAdmin?: boolean } };
    answer: undefined;
  };
  /** Show where git answers over SSH, and by which key it is known */
  getSsh: { input: object; answer: Ssh };
  /** List the SSH public keys of the token */
  listKeys: {
    input: { query?: { limit?: number; cursor?: string } };
    answer: { items: Key[]; next: string | null };
  };
  /** Add an SSH public key to the token */
  addKey: {
    input: {
      body: {
        /** The line of a .pub file: ed25519, ecdsa, or rsa of at least 3072 bits */
        publicKey: string;
        /** Without it, the comment of the key */
        name?: string;
      };
    };
    answer: Key;
  };
  /** Remove an SSH public key of the token */
  removeKey: { input: { params: { id: string } }; answer: undefined };
  /** List who changed what of an app, newest first */
  listAppAuditEntries: {
    input: {
      params: { app: string };
      query?: {
        actor?: string;
        action?: string;
        since?: string;
        until?: string;
        limit?: number;
        cursor?: string;
      };
    };
    answer: { items: AuditEntry[]; next: string | null };
  };
  /** List who changed what of the platform and of all apps, newest first */
  listAuditEntries: {
    input: {
      query?: {
        actor?: string;
        action?: string;
        since?: string;
        until?: string;
        limit?: number;
        cursor?: string;
        app?: string;
      };
    };
    answer: { items: AuditEntry[]; next: string | null };
  };
  /** Prove that no entry of the audit log was removed, changed, moved or cut off */
  verifyAudit: { input: { query?: { from?: number } }; answer: AuditVerification };
  /** Ask to be let in, with a code that somebody approves; takes no token */
  beginDeviceLogin: { input: { body: { host_name: string } }; answer: BegunDeviceLogin };
  /** Ask whether somebody has approved, and for the token; takes none */
  pollDeviceLogin: { input: { body: { device_code: string } }; answer: PolledDeviceLogin };
  /** Show who asks to be let in */
  getDeviceLogin: { input: { params: { code: string } }; answer: DeviceLogin };
  /** Do not let it in */
  denyDeviceLogin: { input: { params: { code: string } }; answer: undefined };
  /** Let it in with a token that may do this */
  approveDeviceLogin: {
    input: {
      params: { code: string };
      body: {
        name: string;
        role?: 'viewer' | 'deployer' | 'admin';
        /** Absent for all and the platform. */
        apps?: string[];
        /** In place of a role and apps. */
        grants?: { app: string | null; role: 'viewer' | 'deployer' | 'admin' }[];
        expiresInSeconds?: number;
      };
    };
    answer: DeviceLogin;
  };
  /** Show where to log in by the provider of identities; takes no token */
  getOidcProvider: { input: object; answer: OidcProvider };
  /** Exchange a code of the provider of identities for a token; takes none */
  loginByOidc: {
    input: {
      body: {
        code: string;
        code_verifier: string;
        redirect_uri: string;
        nonce: string;
        host_name: string;
      };
    };
    answer: OidcLogin;
  };
  /** List the repositories elsewhere whose pushes are deployed as an app */
  listGitHosts: {
    input: { params: { app: string }; query?: { limit?: number; cursor?: string } };
    answer: { items: GitHost[]; next: string | null };
  };
  /** Deploy what is pushed to a repository elsewhere; the secret of its webhook is shown this once */
  connectGitHost: {
    input: {
      params: { app: string };
      body: {
        kind: 'github' | 'gitlab' | 'gitea';
        url: string;
        accessToken: string;
        webhookSecret?: string;
      };
    };
    answer: ConnectedGitHost;
  };
  /** Deploy no more what is pushed to a repository elsewhere */
  disconnectGitHost: { input: { params: { app: string; id: string } }; answer: undefined };
  /** Take in a webhook of a git host, which signs it */
  receiveHook: {
    input: { params: { connection: string } };
    answer: { outcome: 'taken' | 'known' | 'ignored' };
  };
}

/** Where each operation is. */
export const OPERATIONS = {
  downloadCommandLine: { method: 'GET', path: '/cli/fn.mjs' },
  whoAmI: { method: 'GET', path: '/whoami' },
  listApps: { method: 'GET', path: '/apps' },
  getApp: { method: 'GET', path: '/apps/{app}' },
  deleteApp: { method: 'DELETE', path: '/apps/{app}' },
  getAccess: { method: 'GET', path: '/apps/{app}/access' },
  setAccess: { method: 'PUT', path: '/apps/{app}/access' },
  listShareLinks: { method: 'GET', path: '/apps/{app}/share-links' },
  createShareLink: { method: 'POST', path: '/apps/{app}/share-links', isOnce: true },
  removeShareLink: { method: 'DELETE', path: '/apps/{app}/share-links/{id}' },
  listDeployments: { method: 'GET', path: '/apps/{app}/deployments' },
  getDeployment: { method: 'GET', path: '/apps/{app}/deployments/{deployment}' },
  listReleases: { method: 'GET', path: '/apps/{app}/releases' },
  promote: { method: 'POST', path: '/apps/{app}/promote', isOnce: true },
  redeploy: { method: 'POST', path: '/apps/{app}/redeploy', isOnce: true },
  rollback: { method: 'POST', path: '/apps/{app}/rollback', isOnce: true },
  listFunctions: { method: 'GET', path: '/functions' },
  createFunction: { method: 'POST', path: '/functions', isOnce: true },
  getFunction: { method: 'GET', path: '/functions/{function}' },
  updateFunction: { method: 'PUT', path: '/functions/{function}' },
  deployFunction: { method: 'POST', path: '/functions/{function}', isOnce: true },
  deleteFunction: { method: 'DELETE', path: '/functions/{function}' },
  listFunctionLogs: { method: 'GET', path: '/functions/{function}/logs' },
  rollbackFunction: { method: 'POST', path: '/functions/{function}/rollback', isOnce: true },
  invokeFunction: { method: 'POST', path: '/functions/{function}/invoke' },
  listPushes: { method: 'GET', path: '/apps/{app}/pushes' },
  followPush: { method: 'GET', path: '/apps/{app}/pushes/{push}/output' },
  cancelPush: { method: 'POST', path: '/apps/{app}/pushes/{push}/cancel' },
  listLogs: { method: 'GET', path: '/apps/{app}/logs' },
  getPrometheusMetrics: { method: 'GET', path: '/metrics/prometheus' },
  getAppMetrics: { method: 'GET', path: '/apps/{app}/metrics' },
  getFunctionMetrics: { method: 'GET', path: '/functions/{function}/metrics' },
  getPlatformMetrics: { method: 'GET', path: '/metrics' },
  getEnvironment: { method: 'GET', path: '/apps/{app}/environment' },
  changeEnvironment: { method: 'PATCH', path: '/apps/{app}/environment' },
  listEnvironmentVersions: { method: 'GET', path: '/apps/{app}/environment/versions' },
  setEnvironmentValue: { method: 'PUT', path: '/apps/{app}/environment/{name}' },
  unsetEnvironmentValue: { method: 'DELETE', path: '/apps/{app}/environment/{name}' },
  listAllDomains: { method: 'GET', path: '/domains' },
  listDomains: { method: 'GET', path: '/apps/{app}/domains' },
  addDomain: { method: 'POST', path: '/apps/{app}/domains', isOnce: true },
  getDomain: { method: 'GET', path: '/apps/{app}/domains/{name}' },
  removeDomain: { method: 'DELETE', path: '/apps/{app}/domains/{name}' },
  verifyDomain: { method: 'POST', path: '/apps/{app}/domains/{name}/verify' },
  listCertificates: { method: 'GET', path: '/certificates' },
  uploadCertificate: { method: 'POST', path: '/certificates', isOnce: true },
  getAuthority: { method: 'GET', path: '/certificates/authority' },
  removeCertificate: { method: 'DELETE', path: '/certificates/{id}' },
  rotateMasterKey: { method: 'POST', path: '/master-key/rotation' },
  checkConsistency: { method: 'GET', path: '/consistency' },
  listTokens: { method: 'GET', path: '/tokens' },
  createToken: { method: 'POST', path: '/tokens', isOnce: true },
  getToken: { method: 'GET', path: '/tokens/{id}' },
  revokeToken: { method: 'DELETE', path: '/tokens/{id}' },
  getSsh: { method: 'GET', path: '/ssh' },
  listKeys: { method: 'GET', path: '/keys' },
  addKey: { method: 'POST', path: '/keys', isOnce: true },
  removeKey: { method: 'DELETE', path: '/keys/{id}' },
  listAppAuditEntries: { method: 'GET', path: '/apps/{app}/audit' },
  listAuditEntries: { method: 'GET', path: '/audit' },
  verifyAudit: { method: 'GET', path: '/audit/verify' },
  beginDeviceLogin: { method: 'POST', path: '/login/device' },
  pollDeviceLogin: { method: 'POST', path: '/login/device/token' },
  getDeviceLogin: { method: 'GET', path: '/login/device/{code}' },
  denyDeviceLogin: { method: 'DELETE', path: '/login/device/{code}' },
  approveDeviceLogin: { method: 'POST', path: '/login/device/{code}/approve' },
  getOidcProvider: { method: 'GET', path: '/login/oidc' },
  loginByOidc: { method: 'POST', path: '/login/oidc' },
  listGitHosts: { method: 'GET', path: '/apps/{app}/git-hosts' },
  connectGitHost: { method: 'POST', path: '/apps/{app}/git-hosts', isOnce: true },
  disconnectGitHost: { method: 'DELETE', path: '/apps/{app}/git-hosts/{id}' },
  receiveHook: { method: 'POST', path: '/hooks/{connection}' },
} as const satisfies Record<keyof Operations, object>;
