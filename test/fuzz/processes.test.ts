import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseEgressRequest } from '../../src/main/supervisor/egress-requests.ts';
import { parseSupervisorRequest } from '../../src/main/supervisor/supervisor-requests.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import type { LogBatch } from '../../src/protocol/logs.ts';
import { readSnapshotFile } from '../../src/router/index.ts';
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
  it(
    'loads a snapshot whole, or says that it is none',
    async () => {
      const snapshot = { generation: 1, apps: [APP], deployments: [] };
      const valid = fc.constant(Buffer.from(JSON.stringify(snapshot)));
      const file = join(folder, 'snapshot.json');
      const property = fc.asyncProperty(nearly(valid), async (content) => {
        await writeFile(file, content);
        try {
          expect(await readSnapshotFile(file)).toHaveProperty('deployments');
        } catch (error) {
          expect(error).toBeInstanceOf(PlatformError);
        }
      });
      await fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );
});

const APP = { name: 'app', production: null, slugs: { main: 'dep-a' }, commits: {} };
