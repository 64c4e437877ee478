/** The whole of src/certs as control has it, with a clock that can be put forward; also for processes that are no tests. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createAccounts,
  createAgent,
  createBudget,
  createCertificateKeeper,
  createCertificatePublisher,
  createChallengeAnswers,
  type CertificateKeeper,
  type KeeperEvents,
} from '../../src/certs/index.ts';
import type {
  AcmeDirectorySetting,
  CertificatePublisher,
  DnsProvider,
  PreCheck,
  TxtRecord,
  WantedCertificate,
} from '../../src/certs/ports.ts';
import type { CertificateIndex } from '../../src/protocol/certificates.ts';
import {
  createKeyBox,
  createMasterKeys,
  createSealedCertificates,
} from '../../src/secrets/index.ts';
import type { Clock } from '../../src/std/clock.ts';
import type { Database } from '../../src/store/database.ts';
import type { ChallengeResponder } from './challenge-responder.ts';
import type { Pebble } from './pebble.ts';
import { shiftedClock } from './shifted-clock.ts';

export interface EngineOptions {
  db: Database;
  pebble: Pebble;
  responder: ChallengeResponder;
  wanted: WantedCertificate[];
  directories?: AcmeDirectorySetting[];
  provider?: DnsProvider;
  preCheck?: (deps: { db: Database; publisher: CertificatePublisher }) => PreCheck;
  /** Resolves when a record of the provider can be seen; at once without it. */
  seen?: (record: TxtRecord, signal: AbortSignal) => Promise<void>;
  externalAccounts?: Record<string, { kid: string; hmacKey: string }>;
  perWeek?: number;
  /** Whose zones the provider has; example.com without it. */
  baseDomain?: string;
  clock?: Clock;
  masterKey?: Buffer;
  /** In place of writing the index. */
  writeIndex?: (index: CertificateIndex) => Promise<void>;
  random?: () => number;
}

export interface Engine {
  keeper: CertificateKeeper;
  /** What was told, in order, such as `issued a.example`. */
  events: string[];
  folder: string;
  db: Database;
  masterKey: Buffer;
  sealedKeys: ReturnType<typeof createSealedCertificates>;
  start(): void;
  stop(): void;
  close(): Promise<void>;
}

export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { db, pebble, responder, wanted } = options;
  const clock = options.clock ?? shiftedClock(0);
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-certificates-'));
  const stopping = new AbortController();
  const masterKey = options.masterKey ?? randomBytes(32);
  const masterKeys = createMasterKeys([masterKey]);
  const keyBox = createKeyBox(masterKeys);
  const sealedKeys = createSealedCertificates(masterKeys, folder);
  const events: string[] = [];
  const onError = (error: unknown): void => void events.push(`error ${String(error)}`);
  const now = (): number => clock.now();
  const agent = createAgent(pebble.roots);
  const publisher = createCertificatePublisher({
    db,
    keyBox,
    sealedKeys,
    writeIndex: async (index) => {
      await options.writeIndex?.(index);
      responder.index = index;
    },
    owned: async () => [],
    data: { applyCertificates: async (generation) => void responder.applied.push(generation) },
    now,
  });
  const provider = options.provider ?? null;
  const keeper = createCertificateKeeper(
    {
      db,
      clock,
      random: options.random ?? (() => 0),
      keyBox,
      accounts: createAccounts(
        { db, keyBox, agent, now },
        { email: 'ops@example.com', externalAccounts: options.externalAccounts ?? {} },
      ),
      answers: createChallengeAnswers({
        db,
        publisher,
        provider,
        seen: options.seen ?? (async () => {}),
        onError,
      }),
      budget: createBudget({ db, clock }, { perWeek: options.perWeek ?? 40 }),
      preCheck: options.preCheck?.({ db, publisher }) ?? null,
      hasDnsProvider: provider !== null,
      baseDomain: options.baseDomain ?? 'example.com',
      wanted: async () => wanted,
      publisher,
      events: eventsInto(events, onError),
    },
    { directories: options.directories ?? [{ url: pebble.directory, stagingUrl: null }] },
  );
  return {
    keeper,
    events,
    folder,
    db,
    masterKey,
    sealedKeys,
    start: () => keeper.start(stopping.signal),
    stop: () => stopping.abort(),
    close: async () => {
      stopping.abort();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function eventsInto(events: string[], error: (error: unknown) => void): KeeperEvents {
  return {
    issued: ({ names }) => void events.push(`issued ${names[0]}`),
    failed: (names, { code, message }) =>
      void events.push(`failed ${names[0]} ${code}: ${message}`),
    alarm: (statuses) => void events.push(`alarm ${statuses.length}`),
    recovered: () => void events.push('recovered'),
    error,
  };
}
