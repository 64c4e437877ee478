/**
 * Raw variables become a frozen `Config`. Every default of the platform stands here, and every problem is reported
 * at once: nobody should have to start the server five times to learn of five typing errors. Nothing in a Config is
 * secret; see secrets.ts.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import {
  EGRESS_RULE_FORMS,
  type EgressPolicy,
  type EgressRule,
  MAX_EGRESS_RULES,
  parseEgressRule,
} from '../../model/egress-rule.ts';
import { DEFAULT_LIMITS } from '../../model/limits.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { MAX_BACKGROUND_MS } from '../../protocol/worker.ts';
import type { AccessLevel } from '../../protocol/snapshot.ts';
import type { LogRetention, PoolOptions } from '../process/start-options.ts';
import { type CertificateSettings, readCertificateSettings } from './certificate-settings.ts';
import type { ServerEnvironment } from './env.ts';
import { readOidcSettings, type OidcConfig } from './oidc-settings.ts';
import { parseRegistry, type RegistrySetting } from './registry-setting.ts';

export interface Config {
  readonly host: string;
  /** 0 lets the kernel choose. */
  readonly port: number;
  /** Null without HTTPS; 0 lets the kernel choose. */
  readonly httpsPort: number | null;
  /** Null without SSH; 0 lets the kernel choose. */
  readonly sshPort: number | null;
  readonly isVerbose: boolean;
  readonly dataDir: string;
  readonly masterKeyFile: string;
  readonly baseDomain: string;
  readonly controlHost: string;
  /** Addresses or CIDR ranges whose word on scheme and peer is taken. */
  readonly trustedProxies: readonly string[];
  readonly gitHosts: {
    /** `host` or `host:port` of git hosts that may have private addresses. */
    readonly privateNames: readonly string[];
    /** Certificates in PEM that vouch for git hosts, beside those of Node. */
    readonly caFile: string | null;
  };
  /** Null starts the embedded server. */
  readonly databaseUrl: string | null;
  readonly redisUrl: string | null;
  readonly certificates: CertificateSettings;
  /** Certificates of an authority of this machine, for hosts that no public one knows. */
  readonly isLocalHttps: boolean;
  /** Null without a provider of identities. */
  readonly oidc: OidcConfig | null;
  readonly maxMemoryMib: number;
  readonly maxTimeoutMs: number;
  readonly builds: BuildLimits;
  /** What functions may reach: all of them public addresses, and those that ask for it in fn.json what `rules` say. */
  /** Who may see previews of an app that does not say. */
  readonly previewAccess: AccessLevel;
  readonly egress: EgressPolicy;
  readonly pool: Readonly<PoolOptions>;
  /** Doors that share the port; each has workers of its own. */
  readonly dataProcesses: number;
  readonly logs: Readonly<LogRetention>;
  readonly maxPackBytes: number;
  readonly drainMs: number;
  /** Of this machine. */
  readonly cores: number;
}

interface BuildLimits {
  readonly maxBuilds: number;
  readonly timeoutMs: number;
  readonly memoryMib: number;
  /** The first is the one of packages that name none. */
  readonly registries: readonly RegistrySetting[];
}

/** What the defaults depend on besides variables. */
export interface ConfigHost {
  workingDir: string;
  cores: number;
  /** By a flag of the command. */
  isLocalHttps?: boolean;
}

const MIB = 1024 * 1024;
const DRAIN_MS = 30_000;
/** Beside 3000, and free to every user. */
const LOCAL_HTTPS_PORT = 3443;
/** Each that is not needed keeps memory, and a share of what is divided among them. */
const MAX_DATA_PROCESSES = 16;

/** What `waitUntil` was given may go on for so long after an answer, and is never frozen before its end. */
const MIN_FREEZE_SECONDS = MAX_BACKGROUND_MS / 1_000 + 1;

const POOL_DEFAULTS: Omit<PoolOptions, 'zygotes' | 'freezeMs'> = {
  queueLength: 1_000,
  queueMs: 10_000,
  idleMs: 5 * 60_000,
  initTimeoutMs: 10_000,
  drainMs: DRAIN_MS,
};

/** @throws PlatformError `config-invalid` that names every variable which cannot be used. */
export function parseConfig(environment: ServerEnvironment, host: ConfigHost): Config {
  const { isLocalHttps = false } = host;
  const problems: string[] = [];
  const read = createReaders(environment, problems);
  const baseDomain = read.domain('FN_BASE_DOMAIN', 'localhost');
  const dataDir = resolve(host.workingDir, environment.FN_DATA_DIR ?? '.fn');
  const config: Config = {
    host: read.address('HOST', baseDomain === 'localhost' ? '127.0.0.1' : '0.0.0.0'),
    port: read.integer('PORT', { fallback: 3000, min: 0, max: 65_535 }),
    httpsPort: read.optionalPort('HTTPS_PORT', isLocalHttps ? LOCAL_HTTPS_PORT : null),
    sshPort: read.optionalPort('FN_SSH_PORT', null),
    isVerbose: read.flag('VERBOSE'),
    dataDir,
    masterKeyFile: resolve(
      host.workingDir,
      environment.FN_MASTER_KEY_FILE ?? `${dataDir}/master-key`,
    ),
    baseDomain,
    controlHost: read.domain('FN_CONTROL_HOST', baseDomain),
    trustedProxies: read.networks('FN_TRUSTED_PROXIES'),
    gitHosts: {
      privateNames: (environment.FN_GIT_HOSTS ?? '').split(/[\s,]+/).filter((name) => name !== ''),
      caFile: environment.FN_GIT_HOSTS_CA_FILE
        ? resolve(host.workingDir, environment.FN_GIT_HOSTS_CA_FILE)
        : null,
    },
    databaseUrl: read.url('DATABASE_URL', ['postgres:', 'postgresql:']),
    redisUrl: read.url('REDIS_URL', ['redis:', 'rediss:']),
    isLocalHttps,
    certificates: readCertificateSettings(environment, {
      baseDomain,
      isPublicHttps: environment.HTTPS_PORT !== undefined && !isLocalHttps,
      workingDir: host.workingDir,
      problems,
    }),
    oidc: readOidcSettings(environment, { workingDir: host.workingDir, problems }),
    maxMemoryMib: read.integer('MAX_MEMORY', {
      fallback: 10_240,
      // A function that asks for nothing must fit.
      min: DEFAULT_LIMITS.memoryMib,
      max: 1_048_576,
    }),
    maxTimeoutMs: read.integer('MAX_TIMEOUT', { fallback: 900_000, min: 1_000, max: 86_400_000 }),
    builds: {
      // A build is one busy core; the other half of the machine keeps serving.
      maxBuilds: Math.max(1, Math.floor(host.cores / 2)),
      timeoutMs: read.integer('FN_BUILD_TIMEOUT', { fallback: 300, min: 5, max: 1_800 }) * 1_000,
      // A half of it is enough for a function of a few files; a real project's packages lie in it, too.
      memoryMib: read.integer('FN_BUILD_MEMORY', { fallback: 2_048, min: 512, max: 65_536 }),
      registries: [
        ...read.registries('FN_NPM_REGISTRY', 'https://registry.npmjs.org/'),
        ...read.registries('FN_BUILD_REGISTRIES', ''),
      ],
    },
    previewAccess: read.choice('FN_PREVIEW_ACCESS', ['public', 'private']),
    egress: {
      publicAllowed: read.choice('FN_EGRESS', ['public', 'none']) === 'public',
      rules: read.egressRules('FN_EGRESS_ALLOW'),
    },
    pool: {
      ...POOL_DEFAULTS,
      zygotes: read.integer('FN_ZYGOTES', { fallback: 4, min: 1, max: 250 }),
      freezeMs: freezeMs(read.integer('FN_FREEZE_AFTER', { fallback: 40, min: 0, max: 3_600 })),
    },
    dataProcesses: read.integer('FN_DATA_PROCESSES', {
      fallback: 1,
      min: 1,
      max: MAX_DATA_PROCESSES,
    }),
    logs: {
      days: read.integer('FN_LOG_RETENTION_DAYS', { fallback: 7, min: 1, max: 3_650 }),
      bytesPerApp:
        read.integer('FN_LOG_MAX_MB_PER_APP', { fallback: 256, min: 1, max: 1_048_576 }) * MIB,
    },
    maxPackBytes: 256 * MIB,
    drainMs: DRAIN_MS,
    cores: host.cores,
  };
  if (problems.length > 0) throw invalidConfig(problems);
  return Object.freeze(config);
}

function freezeMs(seconds: number): number | null {
  return seconds === 0 ? null : Math.max(seconds, MIN_FREEZE_SECONDS) * 1_000;
}

function invalidConfig(problems: string[]): PlatformError {
  const list = problems.map((problem) => `  ${problem}`).join('\n');
  return new PlatformError('config-invalid', `the configuration cannot be used:\n${list}`, {
    hint: 'set or unset the variables named above; docs/configuration.md describes each',
  });
}

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_DOMAIN_LENGTH = 190; // Leaves room for a label of an app, within the 253 of RFC 1035.

/** One reader per kind of value; each notes its problem and answers with the fallback, so that the rest is read too. */
function createReaders(environment: ServerEnvironment, problems: string[]) {
  type Name = keyof ServerEnvironment;
  const wrong = (name: Name, wanted: string): void => {
    problems.push(`${name}=${environment[name]}: ${wanted}`);
  };
  return {
    integer(name: Name, range: { fallback: number; min: number; max: number }): number {
      const text = environment[name];
      if (text === undefined) return range.fallback;
      const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= range.min && value <= range.max) return value;
      wrong(name, `a whole number from ${range.min} to ${range.max} is needed`);
      return range.fallback;
    },
    optionalPort(name: Name, fallback: number | null): number | null {
      if (environment[name] === undefined) return fallback;
      return this.integer(name, { fallback: 443, min: 0, max: 65_535 });
    },
    flag(name: Name): boolean {
      const text = environment[name]?.toLowerCase() ?? 'false';
      if (['1', 'true', 'yes', 'on'].includes(text)) return true;
      if (!['0', 'false', 'no', 'off'].includes(text)) wrong(name, 'true or false is needed');
      return false;
    },
    /** The first is the default. */
    choice<Choice extends string>(name: Name, choices: readonly [Choice, ...Choice[]]): Choice {
      const text = environment[name]?.toLowerCase() ?? choices[0];
      const chosen = choices.find((choice) => choice === text);
      if (chosen === undefined) wrong(name, `${choices.join(' or ')} is needed`);
      return chosen ?? choices[0];
    },
    egressRules(name: Name): EgressRule[] {
      const entries = environment[name]?.split(/[\s,]+/).filter(Boolean) ?? [];
      if (entries.length > MAX_EGRESS_RULES) wrong(name, `more than ${MAX_EGRESS_RULES} entries`);
      return entries.flatMap((entry) => {
        const rule = parseEgressRule(entry);
        if (rule === null) wrong(name, `"${entry}" is not ${EGRESS_RULE_FORMS}`);
        return rule ?? [];
      });
    },
    address(name: Name, fallback: string): string {
      const text = environment[name];
      if (text === undefined) return fallback;
      if (text === 'localhost') return '127.0.0.1';
      if (isIP(text) === 0) wrong(name, 'an IP address to listen on is needed');
      return text;
    },
    domain(name: Name, fallback: string): string {
      const text = environment[name]?.toLowerCase();
      if (text === undefined) return fallback;
      const isDomain =
        text.length <= MAX_DOMAIN_LENGTH && text.split('.').every((label) => DNS_LABEL.test(label));
      if (!isDomain) wrong(name, 'a domain name is needed, without scheme, port or path');
      return text;
    },
    networks(name: Name): string[] {
      const entries = environment[name]?.split(/[\s,]+/).filter(Boolean) ?? [];
      for (const entry of entries) {
        if (!isNetwork(entry)) wrong(name, `"${entry}" is neither an IP address nor a CIDR range`);
      }
      return entries;
    },
    registries(name: Name, fallback: string): RegistrySetting[] {
      const entries = (environment[name] ?? fallback).split(/[\s,]+/).filter(Boolean);
      return entries.flatMap((entry) => {
        const registry = parseRegistry(entry);
        if (registry !== null) return [registry];
        // It may hold a password, so it is not repeated.
        problems.push(`${name}: URLs as in https://npm.example.com/ are needed, without user name`);
        return [];
      });
    },
    url(name: Name, schemes: string[]): string | null {
      const text = environment[name];
      if (text === undefined) return null;
      if (schemes.includes(URL.parse(text)?.protocol ?? '')) return text;
      // The value may hold a password, so it is not repeated.
      problems.push(
        `${name}: a URL that starts with ${schemes.map((s) => `${s}//`).join(' or ')} is needed`,
      );
      return null;
    },
  };
}

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (prefix === undefined) return true;
  return /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 4 ? 32 : 128);
}
