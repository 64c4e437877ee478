/**
 * What control tells data about deployments is data until it was looked at: control reads strangers' bytes, and its rows
 * may be older than this version. A fault is a sentence that names the field; fields that are not known are let be, since
 * one of the two processes may be newer.
 */
import { DEPLOYMENT_KINDS } from '../model/deployment.ts';
import { MAX_BODY_BYTES_CEILING, MAX_CONCURRENCY, MIN_MEMORY_MIB } from '../model/limits.ts';
import { FUNCTION_NAME, MAX_FUNCTIONS } from '../protocol/builder.ts';
import { parsePathPattern } from '../protocol/path-pattern.ts';
import { ACCESS_LEVELS, MAX_SHARE_LINKS, type SnapshotApp } from '../protocol/snapshot.ts';
import {
  both,
  distinct,
  type Fields,
  list,
  matches,
  named,
  object,
  oneOf,
  optional,
  orNull,
  record,
  shown,
  text,
  whole,
} from './field-checks.ts';

const DEPLOYMENT_ID = /^dep-[a-z2-7]{12}$/;
const APP_NAME = /^[a-z][a-z0-9-]{0,39}$/;
const SHA1 = /^[0-9a-f]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;
const METHOD = /^[A-Z]{1,20}$/;
const CONVENTION = /^[a-z]{1,20}$/;
/** A part of a host name. */
const SLUG = /^[a-z0-9-]{1,63}$/;
/** A host name in A-labels and lower case, of at least two. */
const DOMAIN_LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const EXACT_DOMAIN = new RegExp(`^(?=.{1,253}$)(?:${DOMAIN_LABEL}\\.)+${DOMAIN_LABEL}$`);
const DOMAIN = new RegExp(`^(?:\\*\\.)?${EXACT_DOMAIN.source.slice(1)}`);
const MAX_PATH_CHARACTERS = 1_024;
const MAX_METHODS = 20;
/** Timers of Node fire at once for more (2 ** 31 - 1). */
const MAX_TIMER_MS = 2_147_483_647;
/** Of gigabytes of memory; no machine has as much. */
const MAX_MEMORY_MIB = 16 * 1024 * 1024;

const SERVED_FUNCTION: Fields = {
  name: matches(FUNCTION_NAME),
  file: bundleFile,
  codeSha256: optional(matches(SHA256)),
  entry: optional(text),
  memoryMib: whole(MIN_MEMORY_MIB, MAX_MEMORY_MIB),
  timeoutMs: whole(1, MAX_TIMER_MS),
  concurrency: whole(1, MAX_CONCURRENCY),
  maxBodyBytes: whole(0, MAX_BODY_BYTES_CEILING),
  path: optional(pathPattern),
  methods: optional(list(matches(METHOD), MAX_METHODS)),
  convention: optional(matches(CONVENTION)),
  event: optional(oneOf(['lambda'])),
  handler: optional(text),
};

const SERVED_DEPLOYMENT: Fields = {
  id: matches(DEPLOYMENT_ID),
  appName: matches(APP_NAME),
  kind: oneOf(DEPLOYMENT_KINDS),
  version: orNull(whole(1, Number.MAX_SAFE_INTEGER)),
  commit: matches(SHA1),
  ref: text,
  bundle: matches(SHA256),
  functions: both(list(object(SERVED_FUNCTION), MAX_FUNCTIONS), distinct('name')),
  hasPublicFiles: optional(oneOf([true, false])),
};

const SNAPSHOT_DOMAIN: Fields = {
  name: matches(DOMAIN),
  target: orNull(matches(SLUG)),
  redirectTo: orNull(matches(EXACT_DOMAIN)),
};

const SHARE_LINK: Fields = {
  kind: oneOf(['production', 'ref', 'commit']),
  target: text,
  hash: matches(SHA256),
  expiresAtMs: whole(0, Number.MAX_SAFE_INTEGER),
};

const SNAPSHOT_ACCESS: Fields = {
  production: oneOf(ACCESS_LEVELS),
  previews: oneOf(ACCESS_LEVELS),
  links: list(object(SHARE_LINK), MAX_SHARE_LINKS),
};

const SNAPSHOT_APP: Fields = {
  name: matches(APP_NAME),
  access: optional(object(SNAPSHOT_ACCESS)),
  production: orNull(matches(DEPLOYMENT_ID)),
  slugs: record(SLUG, matches(DEPLOYMENT_ID)),
  commits: record(SHA1, matches(DEPLOYMENT_ID)),
  domains: optional(list(object(SNAPSHOT_DOMAIN))),
};

const SNAPSHOT: Fields = {
  generation: whole(0, Number.MAX_SAFE_INTEGER),
  apps: both(both(list(object(SNAPSHOT_APP)), distinct('name')), distinctDomains),
  // Each is looked at by itself: one that is wrong must not stop the others.
  deployments: list(object({})),
};

const RELEASE_RUN: Fields = {
  deployment: matches(DEPLOYMENT_ID),
  appName: matches(APP_NAME),
  bundle: matches(SHA256),
  command: object({ entry: text, file: bundleFile, args: list(text) }),
  memoryMib: whole(MIN_MEMORY_MIB, MAX_MEMORY_MIB),
  timeoutMs: whole(1, MAX_TIMER_MS),
};

/** Why a value is no `Snapshot`; null when it is one, but for its deployments. */
export const snapshotFault = named('the snapshot', object(SNAPSHOT));
/** The same for a `ServedDeployment`. */
export const deploymentFault = named('the deployment', object(SERVED_DEPLOYMENT));
/** And for a `ReleaseRun`. */
export const releaseRunFault = named('the release command', object(RELEASE_RUN));

/** Whoever comes first must not decide whose a host is. */
function distinctDomains(apps: unknown): string | null {
  const all = (apps as SnapshotApp[]).flatMap(({ domains = [] }) => domains);
  return new Set(all.map(({ name }) => name)).size === all.length
    ? null
    : ' have the same domain twice';
}

function bundleFile(value: unknown): string | null {
  const isFile =
    typeof value === 'string' &&
    value.length <= MAX_PATH_CHARACTERS &&
    !value.includes('\0') &&
    value.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  return isFile ? null : ` is ${shown(value)}, no file of a bundle`;
}

function pathPattern(value: unknown): string | null {
  try {
    parsePathPattern(String(value));
  } catch (error) {
    return ` ${(error as Error).message}`;
  }
  return typeof value === 'string' ? null : ` is ${shown(value)}`;
}
