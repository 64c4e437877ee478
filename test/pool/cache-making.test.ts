/** Real workers make and use V8's code caches; the clock of the pool runs faster than time, so that none rests long. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCodeCaches } from '../../src/pool/code-caches.ts';
import type { CodeCaches, FunctionSource } from '../../src/pool/ports.ts';
import type { ServedDeployment } from '../../src/model/served.ts';
import type { Clock } from '../../src/std/clock.ts';
import { ask } from '../support/ask.ts';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { wrapModule } from '../support/function-code.ts';

const SPEED = 5;
const FAST: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now() * SPEED,
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs / SPEED);
    return () => clearTimeout(timer);
  },
};
const PATIENT = { initTimeoutMs: 10_000 * SPEED, queueMs: 10_000 * SPEED, idleMs: 60_000 * SPEED };
/** Some 60 KiB, all of which the handler calls. */
const MANY = Array.from(
  { length: 1_000 },
  (_, number) => `function add${number}(value) { return value + ${number} - ${number}; }\n`,
).join('');
const SUM = `const all = [${Array.from({ length: 1_000 }, (_, number) => `add${number}`).join()}];
export const handler = async () => String(all.reduce((value, add) => add(value), 42));\n`;

let folder = '';
let data: DataPlane;
let caches: CodeCaches;
/** The sizes of what workers were started with, 0 for nothing. */
const given: number[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cache-making-'));
  const stored = await openCodeCaches(join(folder, 'caches'), { place: 0, processes: 1 }, () => {});
  caches = {
    stageOf: (source) => stored.stageOf(source),
    read: async (source) => {
      const cache = await stored.read(source);
      given.push(cache?.length ?? 0);
      return cache;
    },
    make: (...made) => stored.make(...made),
    drop: (source) => stored.drop(source),
    keepOnly: (deployments) => stored.keepOnly(deployments),
  };
  data = await startDataPlane({ caches, clock: FAST, pool: PATIENT });
});
afterAll(async () => {
  await data.close();
  await rm(folder, { recursive: true });
});

function sourceOf({ appName, id }: ServedDeployment): FunctionSource {
  return { appName, deployment: id, functionName: 'main' };
}

/** Its next request starts another worker. */
const endWorkers = ({ id }: ServedDeployment): void => data.pool.restart([id]);

const answerOf = async ({ appName }: ServedDeployment): Promise<string> =>
  (await ask(data, appName)).body;

describe('a code cache', () => {
  it('is made when a worker has started, again when it has answered, and used by the next', async () => {
    const deployment = await data.deployment(await wrapModule(MANY + SUM));
    await data.pool.prepare(deployment, ['main']);
    const source = sourceOf(deployment);
    await eventually(() => caches.stageOf(source) === 'started');
    const ofStart = (await caches.read(source))?.length ?? 0;
    data.route(deployment);
    expect(await answerOf(deployment)).toBe('42');
    await eventually(() => caches.stageOf(source) === 'answered');
    const ofAnswer = (await caches.read(source))?.length ?? 0;
    // By a thousand functions that were called.
    expect(ofAnswer).toBeGreaterThan(ofStart + 50_000);
    endWorkers(deployment);
    expect(await answerOf(deployment)).toBe('42');
    expect(given.at(-1)).toBe(ofAnswer);
    // A worker that V8 had refused it to would have had it dropped.
    expect(caches.stageOf(source)).toBe('answered');
  });

  it('is not made of small code', async () => {
    const small = await data.deploy(`export const handler = async () => 'small';\n`, {}, 'small');
    const large = await data.deploy(MANY + SUM, {}, 'large');
    for (const app of ['small', 'large']) expect((await ask(data, app)).status).toBe(200);
    await eventually(() => caches.stageOf(sourceOf(large)) === 'answered');
    expect(caches.stageOf(sourceOf(small))).toBeNull();
  });

  it.each([
    ['of another V8', (cache: Buffer) => cache.fill(1, 0, 16)],
    ['that is none', () => Buffer.from('forged')],
  ])('%s is left unused, and made anew', async (kind, forge) => {
    const deployment = await data.deploy(MANY + SUM, {}, kind.replaceAll(' ', '-').toLowerCase());
    const source = sourceOf(deployment);
    expect(await answerOf(deployment)).toBe('42');
    await eventually(() => caches.stageOf(source) === 'answered');
    const good = await caches.read(source);
    endWorkers(deployment);
    const forged = forge(Buffer.from(good ?? []));
    await caches.make(source, 'answered', async () => forged);
    expect(await answerOf(deployment)).toBe('42');
    expect(given.at(-1)).toBe(forged.length);
    await eventually(async () => {
      const made = await caches.read(source);
      return caches.stageOf(source) === 'answered' && !forged.equals(made ?? forged);
    });
  });

  it('with which a worker ends while it starts is dropped for good, and another starts without', async () => {
    const wasThere = join(folder, 'was-there');
    const crash = `const fs = process.getBuiltinModule('node:fs');
      if (fs.existsSync('${wasThere}')) { fs.rmSync('${wasThere}'); process.abort(); }\n`;
    const deployment = await data.deploy(crash + MANY + SUM, {}, 'crash');
    const source = sourceOf(deployment);
    expect(await answerOf(deployment)).toBe('42');
    await eventually(() => caches.stageOf(source) === 'answered');
    endWorkers(deployment);
    await writeFile(wasThere, '');
    expect(await answerOf(deployment)).toBe('42');
    expect(given.at(-1)).toBeGreaterThan(0);
    expect(existsSync(wasThere)).toBe(false);
    expect(caches.stageOf(source)).toBeNull();
    endWorkers(deployment);
    expect(await answerOf(deployment)).toBe('42');
    expect(given.at(-1)).toBe(0);
  });
});
