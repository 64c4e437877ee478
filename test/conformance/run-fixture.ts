/** Builds fixtures with the real builder and serves them by the real door. */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { buildSource } from '../../src/builder/build-source.ts';
import { type BundleStore, createBundleStore } from '../../src/bundles/index.ts';
import type { DataPlane } from '../support/data-plane.ts';
import { servedDeployment } from '../support/function-code.ts';
import { installPackages } from '../support/installed-packages.ts';
import type { ConformanceRequest } from './conformance-case.ts';

const LIMITS = {
  memoryMib: 128,
  timeoutMs: 20_000,
  concurrency: 32,
  maxBodyBytes: 100 * 1024 * 1024,
};
const ANSWER_DEADLINE_MS = 30_000;

/** One for each folder, as in the platform: a new one takes what another is writing for the leftovers of a crash. */
const stores = new WeakMap<DataPlane, BundleStore>();

/** Pushes the folder as an app of its own. Resolves to the convention that was found; rejects with the refusal. */
export async function deployFixture(
  data: DataPlane,
  folder: string,
  appName: string,
): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'fixture-'));
  try {
    cpSync(folder, root, { recursive: true });
    installPackages(root);
    const start = { appName, defaults: LIMITS, maxima: LIMITS, previous: null };
    const { result, files } = await buildSource({ root, links: [] }, start, {
      report: () => {},
      services: null,
    });
    if (result.kind === 'failed') throw new Error(result.problems.map((p) => p.message).join('\n'));
    const { runtime, functions, environment, publicFiles, releaseCommand, warnings } = result;
    const manifest = { runtime, functions, environment, publicFiles, releaseCommand, warnings };
    mkdirSync(data.bundlesDir, { recursive: true });
    const store = stores.get(data) ?? createBundleStore(data.bundlesDir);
    stores.set(data, store);
    const { hash } = await store.put({ appId: 'app-test', ...manifest, files });
    const deployment = servedDeployment({ bundle: hash, appName, functions });
    const prepared = await data.pool.prepare(
      deployment,
      functions.map(({ name }) => name),
    );
    if (prepared.kind === 'failed') throw new Error(prepared.failure.message);
    if (prepared.kind === 'unavailable') throw new Error(prepared.message);
    data.route(deployment);
    return Object.values(prepared.conventions)[0] ?? '';
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

export interface RawAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  trailers: NodeJS.Dict<string>;
  body: Buffer;
}

export async function askFixture(
  data: DataPlane,
  appName: string,
  { method = 'GET', path = '/', headers = {}, body, trailers }: ConformanceRequest = {},
): Promise<RawAnswer> {
  const isChunked = Array.isArray(body);
  const request = http.request({
    host: '127.0.0.1',
    port: data.port,
    method,
    path,
    headers: {
      host: `${appName}.localhost:${data.port}`,
      ...(isChunked && { 'transfer-encoding': 'chunked' }),
      ...headers,
    },
    signal: AbortSignal.timeout(ANSWER_DEADLINE_MS),
    agent: false,
  });
  if (Array.isArray(body)) for (const chunk of body) request.write(chunk);
  if (trailers !== undefined) request.addTrailers(trailers);
  request.end(Array.isArray(body) ? undefined : body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const bytes = await buffer(response);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    trailers: response.trailers,
    body: bytes,
  };
}
