import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/main/config/config.ts';
import {
  readServerEnvironment,
  SERVER_VARIABLES,
  type ServerEnvironment,
} from '../../../src/main/config/env.ts';
import { PlatformError } from '../../../src/protocol/errors.ts';

const HOST = { workingDir: '/srv/app', cores: 4 };
const parse = (environment: ServerEnvironment) => parseConfig(environment, HOST);

describe('the configuration', () => {
  it('has defaults for everything', () => {
    expect(parse({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      baseDomain: 'localhost',
      controlHost: 'localhost',
      dataDir: '/srv/app/.fn',
      masterKeyFile: '/srv/app/.fn/master-key',
      databaseUrl: null,
      maxMemoryMib: 10_240,
      maxTimeoutMs: 900_000,
      trustedProxies: [],
      drainMs: 30_000,
      builds: { maxBuilds: 2 },
    });
  });

  it('listens on all addresses for a domain of its own', () => {
    const config = parse({ FN_BASE_DOMAIN: 'Fn.Example.COM' });
    expect(config).toMatchObject({
      host: '0.0.0.0',
      baseDomain: 'fn.example.com',
      controlHost: 'fn.example.com',
    });
  });

  it('builds one at a time on one core', () => {
    expect(parseConfig({}, { ...HOST, cores: 1 }).builds.maxBuilds).toBe(1);
  });

  const accepted: [keyof ServerEnvironment, string, Record<string, unknown>][] = [
    ['PORT', '0', { port: 0 }],
    ['PORT', '65535', { port: 65_535 }],
    ['HOST', '::1', { host: '::1' }],
    ['HOST', 'localhost', { host: '127.0.0.1' }],
    ['VERBOSE', 'TRUE', { isVerbose: true }],
    ['VERBOSE', '0', { isVerbose: false }],
    ['HTTPS_PORT', '8443', { httpsPort: 8443 }],
    ['MAX_MEMORY', '128', { maxMemoryMib: 128, builds: { memoryMib: 2048 } }],
    ['FN_DATA_PROCESSES', '16', { dataProcesses: 16 }],
    ['FN_FREEZE_AFTER', '0', { pool: { freezeMs: null } }],
    ['FN_FREEZE_AFTER', '5', { pool: { freezeMs: 31_000 } }],
    ['FN_FREEZE_AFTER', '60', { pool: { freezeMs: 60_000 } }],
    ['FN_BUILD_TIMEOUT', '20', { builds: { timeoutMs: 20_000 } }],
    [
      'FN_DATA_DIR',
      '/var/lib/fn',
      { dataDir: '/var/lib/fn', masterKeyFile: '/var/lib/fn/master-key' },
    ],
    ['FN_MASTER_KEY_FILE', 'key', { masterKeyFile: '/srv/app/key' }],
    ['FN_TRUSTED_PROXIES', '10.0.0.0/8, ::1', { trustedProxies: ['10.0.0.0/8', '::1'] }],
    ['DATABASE_URL', 'postgres://u:p@db/x', { databaseUrl: 'postgres://u:p@db/x' }],
    ['REDIS_URL', 'rediss://cache', { redisUrl: 'rediss://cache' }],
    ['FN_EGRESS', 'none', { egress: { publicAllowed: false, rules: [] } }],
    ['FN_EGRESS', 'Public', { egress: { publicAllowed: true, rules: [] } }],
    [
      'FN_EGRESS_ALLOW',
      'db.internal:5432, 10.0.0.0/8:*',
      {
        egress: {
          publicAllowed: true,
          rules: [
            { host: 'db.internal', port: 5432 },
            { host: '10.0.0.0/8', port: null },
          ],
        },
      },
    ],
  ];
  it.each(accepted)('takes %s=%s', (name, value, expected) => {
    expect(parse({ [name]: value })).toMatchObject(expected);
  });

  const refused: [keyof ServerEnvironment, string][] = [
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '3e3'],
    ['PORT', 'http'],
    ['HOST', 'example.com'],
    ['VERBOSE', 'perhaps'],
    ['MAX_MEMORY', '127'],
    ['MAX_MEMORY', '512MB'],
    ['MAX_TIMEOUT', '999'],
    ['FN_BASE_DOMAIN', 'https://example.com'],
    ['FN_BASE_DOMAIN', '-x.example.com'],
    ['FN_CONTROL_HOST', 'git example'],
    ['FN_TRUSTED_PROXIES', '10.0.0.0/33'],
    ['FN_TRUSTED_PROXIES', 'proxy.internal'],
    ['DATABASE_URL', 'mysql://db'],
    ['REDIS_URL', 'localhost:6379'],
    ['FN_EGRESS', 'private'],
    ['FN_EGRESS_ALLOW', 'db.internal'],
    ['FN_EGRESS_ALLOW', 'db.internal:0'],
  ];
  it.each(refused)('refuses %s=%s and names it', (name, value) => {
    expect(() => parse({ [name]: value })).toThrow(new RegExp(`\\b${name}\\b`));
  });

  it('reports all problems at once', () => {
    const problems = catchError(() => parse({ PORT: 'x', HOST: 'y', MAX_MEMORY: '1' }));
    expect(problems).toMatchObject({ code: 'config-invalid' });
    expect(problems.message.match(/^ {2}[A-Z_]+=/gm)).toHaveLength(3);
  });

  it('never repeats a URL, which may hold a password', () => {
    expect(catchError(() => parse({ DATABASE_URL: 'mysql://u:hunter2@db' })).message).not.toContain(
      'hunter2',
    );
  });

  it('takes an empty variable for an absent one', () => {
    expect(readServerEnvironment({ PORT: ' ', HOST: '' })).toEqual({});
  });

  it('is documented, variable by variable', async () => {
    const path = join(import.meta.dirname, '../../../docs/configuration.md');
    const documented = (await readFile(path, 'utf8')).matchAll(/^\| `([A-Z_]+)` \|/gm);
    expect(new Set([...documented].map(([, name]) => name))).toEqual(
      new Set([...SERVER_VARIABLES, 'PATH', 'XDG_RUNTIME_DIR']),
    );
  });
});

function catchError(action: () => unknown): PlatformError {
  try {
    action();
  } catch (error) {
    if (error instanceof PlatformError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
