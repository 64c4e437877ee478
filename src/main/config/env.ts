/** The only reader of `process.env`: names become raw, optional values. */

/** Every variable that the platform reads, documented in docs/configuration.md. */
export const SERVER_VARIABLES = [
  'PORT',
  'HOST',
  'VERBOSE',
  'MAX_MEMORY',
  'MAX_TIMEOUT',
  'DATABASE_URL',
  'REDIS_URL',
  'FN_DATA_DIR',
  'FN_BASE_DOMAIN',
  'FN_CONTROL_HOST',
  'FN_TRUSTED_PROXIES',
  'FN_OIDC_ISSUER',
  'FN_OIDC_CLIENT_ID',
  'FN_OIDC_CLIENT_SECRET_FILE',
  'FN_OIDC_ALLOWED',
  'FN_OIDC_TOKEN_HOURS',
  'FN_MASTER_KEY_FILE',
  'FN_LOG_RETENTION_DAYS',
  'FN_LOG_MAX_MB_PER_APP',
  'FN_NPM_REGISTRY',
  'FN_BUILD_REGISTRIES',
  'FN_BUILD_MEMORY',
  'FN_BUILD_TIMEOUT',
  'FN_PREVIEW_ACCESS',
  'FN_EGRESS',
  'FN_EGRESS_ALLOW',
  'FN_ZYGOTES',
  'FN_FREEZE_AFTER',
  'FN_DATA_PROCESSES',
  'HTTPS_PORT',
  'FN_SSH_PORT',
  'ACME_DIRECTORY_URL',
  'ACME_STAGING_URL',
  'ACME_EMAIL',
  'ACME_CA_FILE',
  'ACME_EAB_FILE',
  'ACME_IP_ADDRESSES',
  'ACME_CERTIFICATES_PER_WEEK',
  'FN_DNS_PROVIDER',
  'FN_DNS_PROVIDER_FILE',
  'FN_DNS_SERVERS',
  'FN_GIT_HOSTS',
  'FN_GIT_HOSTS_CA_FILE',
] as const;

export type ServerVariable = (typeof SERVER_VARIABLES)[number];
export type ServerEnvironment = Partial<Record<ServerVariable, string>>;

/** What a shell or a service unit set; an empty value counts as none. */
export function readServerEnvironment(source: NodeJS.ProcessEnv = process.env): ServerEnvironment {
  const environment: ServerEnvironment = {};
  for (const name of SERVER_VARIABLES) {
    const value = source[name]?.trim();
    if (value) environment[name] = value;
  }
  return environment;
}

/**
 * The folder of a test's failpoints (std/failpoint.ts), which is no setting: a server that others can reach refuses
 * to start with it.
 */
export function readFailpointFolder(source: NodeJS.ProcessEnv = process.env): string | null {
  return source['FN_TEST_FAILPOINTS'] || null;
}

/** What the machine says about this process, rather than the operator. */
export interface HostEnvironment {
  /** Folders that are searched for git, bubblewrap and the other system tools. */
  toolFolders: string[];
  /** The user's own volatile folder (XDG base directory specification), absent for root and in most containers. */
  runtimeDir: string | undefined;
}

// Service units and cron often leave the sbin folders out.
const DEFAULT_TOOL_FOLDERS = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'];

export function readHostEnvironment(source: NodeJS.ProcessEnv = process.env): HostEnvironment {
  const path = source['PATH']?.split(':').filter((folder) => folder.startsWith('/'));
  return {
    toolFolders: path === undefined ? DEFAULT_TOOL_FOLDERS : path,
    runtimeDir: source['XDG_RUNTIME_DIR'] || undefined,
  };
}

/** The whole environment, for a program that replaces this one under the same settings. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}
