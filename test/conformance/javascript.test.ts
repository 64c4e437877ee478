import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { createSandboxedWorkers } from '../support/sandboxed-workers.ts';
import { CASES } from './cases.ts';
import type { ConformanceAnswer, RefusedFixture } from './conformance-case.ts';
import { askFixture, deployFixture, type RawAnswer } from './run-fixture.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/conformance/javascript');

/** What is found in each fixture. */
const CONVENTIONS: Record<string, string> = {
  'compiled-esm': 'web',
  'deno-handler': 'web',
  'deno-serve': 'web',
  express: 'server',
  'express-export': 'node',
  fastify: 'server',
  'fastify-export': 'node',
  fetch: 'fetch',
  'forced-plain': 'plain',
  'forced-web': 'web',
  'functions-framework': 'node',
  'functions-named': 'node',
  hono: 'fetch',
  'hono-node': 'server',
  hostile: 'node',
  'http-server': 'server',
  'http-server-late': 'server',
  koa: 'server',
  'koa-export': 'node',
  lambda: 'lambda',
  'lambda-callback': 'lambda',
  'lambda-raw': 'lambda',
  'lambda-stream': 'lambda',
  methods: 'methods',
  'next-route': 'methods',
  'node-default': 'node',
  'node-module': 'node',
  plain: 'plain',
  'serverless-http': 'lambda',
  variadic: 'node',
  web: 'web',
};

const REFUSED: RefusedFixture[] = [
  { fixture: 'nothing', message: /No handler found in index\.ts[^]*Deno\.serve[^]*handlers\.md/ },
  { fixture: 'nothing-running', message: /No handler found in index\.mjs/ },
  { fixture: 'awaits-nothing', message: /index\.mjs awaits something at its top level/ },
  { fixture: 'forced-missing', message: /"convention" in fn\.json is "lambda"[^]*no such handler/ },
  { fixture: 'functions-several', message: /registers several functions: first, second/ },
  { fixture: 'functions-event', message: /"onUpload" for CloudEvents/ },
];

const BUILDS_AT_ONCE = 3;
const DEPLOY_DEADLINE_MS = 300_000;

let workers: Awaited<ReturnType<typeof createSandboxedWorkers>>;
let data: DataPlane;
const conventions = new Map<string, string | Error>();

beforeAll(async () => {
  workers = await createSandboxedWorkers(() => ({ GREETING: 'hello' }));
  data = await startDataPlane({
    sandboxes: workers,
    pool: { zygotes: 2, initTimeoutMs: 10_000 },
  });
  const fixtures = readdirSync(FIXTURES);
  await Promise.all(Array.from({ length: BUILDS_AT_ONCE }, () => deployAll(fixtures)));
}, DEPLOY_DEADLINE_MS);

/** Takes fixtures off the list until none is left. */
async function deployAll(fixtures: string[]): Promise<void> {
  for (let fixture = fixtures.shift(); fixture !== undefined; fixture = fixtures.shift()) {
    const found = await deployFixture(data, join(FIXTURES, fixture), fixture).catch(
      (error: unknown) => error as Error,
    );
    conventions.set(fixture, found);
  }
}

afterAll(async () => {
  await data.close();
  await workers.close();
});

describe('the convention', () => {
  it.each(Object.entries(CONVENTIONS))('of %s is %s', (fixture, convention) => {
    expect(conventions.get(fixture)).toBe(convention);
  });

  it.each(REFUSED)('of $fixture is none, which is told', ({ fixture, message }) => {
    const found = conventions.get(fixture);
    expect(found).toBeInstanceOf(Error);
    expect((found as Error).message).toMatch(message);
  });

  it('is expected of every fixture', () => {
    const expected = [...Object.keys(CONVENTIONS), ...REFUSED.map(({ fixture }) => fixture)];
    expect([...conventions.keys()].sort()).toEqual(expected.sort());
  });
});

describe('the answer', () => {
  it.each(CASES)('$fixture: $name', async ({ fixture, request, expected }) => {
    check(await askFixture(data, fixture, request), expected);
  });
});

function check(answer: RawAnswer, expected: ConformanceAnswer): void {
  const text = answer.body.toString();
  expect({ status: answer.status, text: text.slice(0, 500) }).toMatchObject({
    status: expected.status,
  });
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    expect({ [name]: answer.headers[name] }).toEqual({ [name]: value ?? undefined });
  }
  if (typeof expected.body === 'string') {
    // Not `toBe`: what differs in megabytes is not worth printing.
    expect(text === expected.body ? expected.body.length : text.slice(0, 500)).toBe(
      expected.body.length,
    );
  } else if (expected.body !== undefined) {
    expect([...answer.body]).toEqual([...expected.body]);
  }
  if (expected.json !== undefined) expect(JSON.parse(text)).toMatchObject(expected.json as object);
  if (expected.trailers !== undefined) expect(answer.trailers).toEqual(expected.trailers);
}
