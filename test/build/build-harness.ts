import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type BuildCommitAnswer,
  type BuildRecords,
  type Builds,
  createBuilds,
  type StartBuilder,
} from '../../src/build/index.ts';
import { type BundleStore, createBundleStore } from '../../src/bundles/index.ts';
import type { EgressRule } from '../../src/model/egress-rule.ts';
import { DEFAULT_LIMITS } from '../../src/model/limits.ts';
import type { BuildInputs } from '../../src/protocol/builder.ts';
import { systemClock } from '../../src/std/clock.ts';
import { startBuilderProcess } from './builder-process.ts';
import type { Source } from './source-repository.ts';

export const DEFAULTS = DEFAULT_LIMITS;
export const MAXIMA = {
  memoryMib: 10_240,
  timeoutMs: 900_000,
  concurrency: 1000,
  maxBodyBytes: 5 * 1024 ** 3,
};

export interface BuildHarness {
  builds: Builds;
  bundles: BundleStore;
  bundlesDir: string;
  records: Map<string, string>;
  /** Builds a source for an app named `demo`, and collects what was reported. */
  build(
    source: Source,
    options?: {
      appId?: string;
      environment?: { values: Record<string, string>; version: string };
      signal?: AbortSignal;
    },
  ): Promise<Built>;
}

interface Built {
  answer: BuildCommitAnswer;
  lines: string[];
}

interface HarnessOptions {
  startBuilder?: StartBuilder;
  maxBuilds?: number;
  timeoutMs?: number;
  egressRules?: readonly EgressRule[];
  /** Of an earlier harness. */
  records?: Map<string, string>;
  bundlesDir?: string;
}

/** Builds with the real builder and a real bundle store; records are kept in memory. */
export function createBuildHarness(options: HarnessOptions = {}): BuildHarness {
  const bundlesDir = options.bundlesDir ?? mkdtempSync(join(tmpdir(), 'bundles-'));
  const bundles = createBundleStore(bundlesDir);
  const records = options.records ?? new Map<string, string>();
  const builds = createBuilds(
    {
      startBuilder: options.startBuilder ?? startBuilderProcess,
      bundles,
      records: recordsIn(records),
      clock: systemClock,
    },
    {
      maxBuilds: options.maxBuilds ?? 1,
      timeoutMs: options.timeoutMs ?? 30_000,
      memoryMib: 512,
      builderVersion: 'test',
      defaults: DEFAULTS,
      maxima: MAXIMA,
      egressRules: options.egressRules ?? [],
    },
  );
  onTestFinished(async () => {
    await builds.close();
    rmSync(bundlesDir, { recursive: true, force: true });
  });
  return {
    builds,
    bundles,
    bundlesDir,
    records,
    async build(source, asked = {}) {
      const { appId = 'app-demo', signal = new AbortController().signal } = asked;
      const { environment = { values: {}, version: '' } } = asked;
      const lines: string[] = [];
      const commit = { sha: '1'.repeat(40), tree: source.tree };
      const { openArchive } = source;
      const request = { appId, appName: 'demo', commit, environment, openArchive };
      const answer = await builds.buildCommit(request, (line) => lines.push(line), signal);
      return { answer, lines };
    },
  };
}

function recordsIn(records: Map<string, string>): BuildRecords {
  const last = new Map<string, { bundle: string; inputs: BuildInputs }>();
  return {
    find: async (appId, key) => records.get(`${appId} ${key}`) ?? null,
    record: async ({ appId, key, bundle, inputs }) => {
      records.set(`${appId} ${key}`, bundle.hash);
      if (inputs !== null) last.set(appId, { bundle: bundle.hash, inputs });
    },
    last: async (appId) => last.get(appId) ?? null,
  };
}
