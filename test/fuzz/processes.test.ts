import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEgressRequest } from '../../src/main/supervisor/network/egress-requests.ts';
import { parseFleetRequest } from '../../src/main/supervisor/fleet-requests.ts';
import { parseSupervisorRequest } from '../../src/main/supervisor/supervisor-requests.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import type { LogBatch } from '../../src/protocol/logs.ts';
import { createFunctionTable } from '../../src/router/functions/function-table.ts';
import { deploymentFault, readSnapshotFile, releaseRunFault } from '../../src/router/index.ts';
import { createRouteTable } from '../../src/router/route-table.ts';
import { openEnvironment, sealEnvironment } from '../../src/secrets/sealed.ts';
import type { Database } from '../../src/store/database.ts';
import { createLogFollowers, createLogIngest } from '../../src/telemetry/index.ts';
import { bytes, effort, FUZZ_TIMEOUT_MS, nearly } from './fuzz.ts';

/** What one process of the platform takes from another, which may have been taken over by what it parses. */
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gitfn-fuzz-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Values of the right names and the wrong types, or nearly right. */
function shaped(fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  const loose = Object.entries(fields).map(([name, value]) => {
    return [name, fc.oneof({ weight: 12, arbitrary: value }, fc.anything())] as const;
  });
  const model = Object.fromEntries(loose);
  const lacking = fc.record(model, { requiredKeys: [] });
  return fc.oneof({ weight: 8, arbitrary: fc.record(model) }, lacking, fc.anything());
}

describe('the supervisor', () => {
  const requests = shaped({
    type: fc.constantFrom('start-zygote', 'start-builder', 'specialise', 'kill', 'add-master-key'),
    request: fc.nat(),
    runtime: fc.constant('nodejs'),
    memoryMib: fc.nat(4096),
    slot: fc.oneof(fc.constant('slot-abcdefghij23'), fc.string()),
    deployment: fc.oneof(fc.constant('dep-abcdefghij23'), fc.constant('dep-../../../../x')),
    bundle: fc.oneof(fc.constant('a'.repeat(64)), fc.constant('../../etc/passwd')),
  });

  it(
    'takes names, sizes and slots only, whatever it is asked',
    () => {
      const property = fc.property(requests, (message) => {
        const request = parseSupervisorRequest(message);
        for (const value of Object.values(request ?? {})) {
          expect(String(value)).toMatch(/^[a-z0-9-]+$/);
        }
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  const claims = shaped({
    type: fc.constantFrom('claim', 'unclaim', 'backs-off'),
    claim: fc.nat(),
    app: fc.constantFrom('shop', '../shop', ''),
    of: fc.constantFrom('dep-abcdefghijkl/main', 'dep-abcdefghijkl/../main', 'main'),
    memoryMib: fc.nat(),
    isOwed: fc.boolean(),
    failures: fc.nat(),
    forMs: fc.nat(),
  });

  it(
    'takes of what data processes tell one another names and numbers only',
    () => {
      const property = fc.property(claims, (message) => {
        for (const value of Object.values(parseFleetRequest(message) ?? {})) {
          expect(String(value)).toMatch(/^(?:dep-[a-z2-7]{12}\/)?[a-z0-9-]+$/);
        }
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  const openings = shaped({
    type: fc.constant('open-egress'),
    request: fc.nat(),
    source: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('198.18.0.2; flush ruleset')),
    address: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant('fe80::1%lo')),
    port: fc.option(fc.nat(70_000)),
    seconds: fc.integer(),
  });

  it(
    'puts nothing but addresses and numbers into its filter',
    () => {
      const property = fc.property(openings, (message) => {
        const request = parseEgressRequest(message);
        for (const value of Object.values(request ?? {})) {
          expect(String(value)).toMatch(/^[a-zA-Z0-9.:-]+$/);
        }
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'opens a sealed environment whole and as it was sealed, or not at all',
    () => {
      const key = Buffer.alloc(32, 7);
      const environment = { values: { A: 'b' }, secretNames: ['A'] };
      const sealed = sealEnvironment(key, 'dep-a', environment);
      const property = fc.property(nearly(fc.constant(sealed)), (file) => {
        if (file.equals(sealed)) return;
        expect(() => openEnvironment([key], 'dep-a', file)).toThrow();
      });
      fc.assert(property, effort());
      expect(openEnvironment([key], 'dep-a', sealed)).toEqual(environment);
      expect(() => openEnvironment([key], 'dep-b', sealed)).toThrow();
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('control', () => {
  const entries = shaped({
    at: fc.integer(),
    kind: fc.constantFrom('line', 'failure', 'report', 'notice'),
    level: fc.constantFrom('debug', 'info', 'warn', 'error'),
    deployment: fc.constantFrom('dep-a', '__proto__', 'constructor'),
    functionName: fc.constantFrom('main', '__proto__', 'constructor', 'toString'),
    requestId: fc.option(fc.string()),
    text: fc.oneof(
      bytes(40).map((text) => text.toString('utf8')),
      fc.constant('Error: x\n    at f (/code/main.js:1:1)'),
    ),
    fields: fc.option(fc.string()),
  });
  const batches = shaped({
    source: fc.constant('a'.repeat(16)),
    sequence: fc.integer({ min: 1 }),
    entries: fc.array(entries, { maxLength: 6 }),
  });

  it(
    'stores what is right of a batch of log entries, and refuses the rest as what it is',
    async () => {
      const stored: unknown[][] = [];
      const resolved: unknown[] = [];
      const ingest = createLogIngest({
        db: recordingDatabase(stored),
        redactors: { redactorFor: async () => (value) => value },
        followers: createLogFollowers(() => {}),
        origins: {
          find: async () => ({
            appId: 'app',
            appName: 'app',
            bundle: 'b',
            files: { main: 'main.js' },
          }),
        },
        stacks: {
          resolve: async (_bundle, file, stack) => {
            resolved.push(file);
            return stack;
          },
        },
        onError: () => {},
      });
      const property = fc.asyncProperty(batches, async (batch) => {
        try {
          await ingest.store(batch as LogBatch);
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      });
      await fc.assert(property, effort());
      expect(stored.flat().every((value) => !String(value).includes('\0'))).toBe(true);
      expect(new Set(resolved)).toEqual(new Set(['main.js']));
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** Stands in for Postgres: what is stored is looked at, not kept. */
function recordingDatabase(stored: unknown[][]): Database {
  const query = async (_text: string, values: unknown[] = []) => {
    stored.push(values.flat());
    return { rowCount: 1, rows: [{ first: '1', last: '1' }] };
  };
  const db = { query, transaction: async (work: (tx: unknown) => unknown) => work({ query }) };
  return db as unknown as Database;
}

describe('data', () => {
  const served = shaped({
    name: fc.constantFrom('main', 'Main', ''),
    file: fc.constantFrom('main.js', '../main.js', '/etc/passwd', 'a//b', 'nul\0'),
    memoryMib: fc.integer(),
    timeoutMs: fc.oneof(fc.integer(), fc.double(), fc.constant(2 ** 31)),
    concurrency: fc.nat(2_000),
    maxBodyBytes: fc.nat(),
    path: fc.oneof(fc.constant('/:id'), fc.constant('/*a/*b'), fc.string()),
    methods: fc.array(fc.constantFrom('GET', 'get', 'G E T')),
    event: fc.constantFrom('lambda', 'other'),
  });
  const deployment = shaped({
    id: fc.constantFrom('dep-abcdefghij23', 'dep-bcdefghij234', 'dep-../../x'),
    appName: fc.constantFrom('app', '__proto__', 'App'),
    kind: fc.constantFrom('production', 'branch', 'other'),
    version: fc.option(fc.integer()),
    commit: fc.constant('c'.repeat(40)),
    ref: fc.string(),
    bundle: fc.constantFrom('b'.repeat(64), '../../etc'),
    functions: fc.array(served, { maxLength: 3 }),
    hasPublicFiles: fc.option(fc.boolean(), { nil: undefined }),
  });
  const domain = shaped({
    name: fc.constantFrom('www.example.com', '*.example.com', 'WWW.example.com', '*.*.example.com'),
    target: fc.option(fc.constantFrom('topic', 'a/b')),
    redirectTo: fc.option(fc.constantFrom('example.com', '*.example.com', 'example.com/\r\nx: y')),
  });
  const level = fc.constantFrom('public', 'private');
  const access = shaped({
    production: level,
    previews: level,
    links: fc.array(
      shaped({
        kind: fc.constantFrom('production', 'ref', 'commit'),
        target: fc.string(),
        hash: fc.constant('a'.repeat(64)),
        expiresAtMs: fc.nat(),
      }),
      { maxLength: 2 },
    ),
  });
  const snapshot = shaped({
    generation: fc.nat(),
    apps: fc.array(
      shaped({
        name: fc.constantFrom('app', 'other', '__proto__'),
        production: fc.option(fc.constant('dep-abcdefghij23')),
        slugs: fc.dictionary(fc.string(), fc.constant('dep-abcdefghij23'), { maxKeys: 2 }),
        commits: fc.constant({ ['c'.repeat(40)]: 'dep-abcdefghij23' }),
        domains: fc.option(fc.array(domain, { maxLength: 2 }), { nil: undefined }),
        access: fc.option(access, { nil: undefined }),
      }),
      { maxLength: 2 },
    ),
    deployments: fc.array(deployment, { maxLength: 3 }),
  });
  const address = {
    baseDomain: 'localhost',
    controlHost: 'localhost',
    scheme: 'https',
    port: 443,
  } as const;

  it(
    'routes by what is a snapshot whole, or says that it is none',
    async () => {
      const text = fc.oneof(snapshot, fc.constant(SNAPSHOT)).map((value) => {
        return Buffer.from(JSON.stringify(value) ?? 'undefined');
      });
      const file = join(folder, 'snapshot.json');
      const property = fc.asyncProperty(nearly(text), async (content) => {
        await writeFile(file, content);
        const refused: string[] = [];
        try {
          const taken = await readSnapshotFile(file, (fault) => refused.push(fault));
          const table = createRouteTable(taken, address);
          for (const host of HOSTS) {
            const found = table.find(host);
            const route = found.kind === 'private' ? found.behind : found;
            if (route.kind === 'redirect') expect(route.to).toBe('https://example.com');
            if (route.kind !== 'deployment') continue;
            const { id, bundle, functions } = route.deployment;
            expect(`${id} ${bundle}`).toMatch(/^dep-[a-z2-7]{12} [0-9a-f]{64}$/);
            createFunctionTable(route.deployment).find('GET', '/a/b?c');
            for (const { timeoutMs, memoryMib, file: path } of functions) {
              expect(timeoutMs).toBeGreaterThan(0);
              expect(timeoutMs).toBeLessThan(2 ** 31);
              expect(memoryMib).toBeGreaterThan(31);
              expect(join('/bundle', path)).toMatch(/^\/bundle\/[^/]/);
            }
          }
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
          expect((error as PlatformError).message).toMatch(/is no route snapshot: the snapshot/);
        }
      });
      await fc.assert(property, effort(1_000));
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'takes a deployment or a release command whole, or names what of it is wrong',
    () => {
      const run = shaped({
        deployment: fc.constant('dep-abcdefghij23'),
        bundle: fc.constant('b'.repeat(64)),
        command: shaped({
          entry: fc.string(),
          file: fc.constantFrom('release.js', '../release.js'),
          args: fc.array(fc.string(), { maxLength: 3 }),
        }),
        memoryMib: fc.integer(),
        timeoutMs: fc.integer(),
      });
      const property = fc.property(fc.oneof(deployment, run), (value) => {
        for (const fault of [deploymentFault(value), releaseRunFault(value)]) {
          if (fault !== null) expect(fault).toMatch(/^the (deployment|release command)[ .[]/);
        }
      });
      fc.assert(property, effort(1_000));
    },
    FUZZ_TIMEOUT_MS,
  );
});

const DEPLOYMENT = {
  id: 'dep-abcdefghij23',
  appName: 'app',
  kind: 'production',
  version: 1,
  commit: 'c'.repeat(40),
  ref: 'refs/heads/main',
  bundle: 'b'.repeat(64),
  functions: [
    {
      name: 'main',
      file: 'main.js',
      memoryMib: 128,
      timeoutMs: 30_000,
      concurrency: 32,
      maxBodyBytes: 1_000,
    },
  ],
};
const SNAPSHOT = {
  generation: 1,
  apps: [
    {
      name: 'app',
      production: DEPLOYMENT.id,
      slugs: { topic: DEPLOYMENT.id },
      commits: { [DEPLOYMENT.commit]: DEPLOYMENT.id },
    },
  ],
  deployments: [DEPLOYMENT],
};
const HOSTS = [
  'app.localhost',
  'topic--app.localhost',
  'ccccccc--app.localhost',
  'other.localhost',
];
