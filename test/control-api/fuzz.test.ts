import http from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type JsonSchema,
  type OpenApiOperation,
  operationsOf,
  readOpenApiDocument,
} from '../support/openapi-document.ts';
import { json, urlOf } from './caller.ts';
import { createWorld, type World } from './world.ts';

/**
 * Every operation, asked with what its schema allows and with what it does not, by an admin: no answer is a failure of
 * the server's own, and none is long in coming.
 */
const RUNS = 25;
/** Far above what any of them takes, far below what somebody would call a hang. */
const DEADLINE_MS = 20_000;
/** These end what the others are tried on, or take a minute each. */
const LEFT_OUT = new Set(['deleteApp', 'deleteFunction', 'revokeToken', 'rotateMasterKey']);

/** What has broken out of queries, paths and templates elsewhere. */
const HOSTILE = [
  "' OR '1'='1",
  "'; DROP TABLE apps; --",
  '1; SELECT pg_sleep(10)',
  "\\'; SELECT 1 --",
  '$1',
  '%',
  '_',
  '%%27',
  "x' UNION SELECT hash FROM tokens --",
  '../../../etc/passwd',
  '..%2f..%2f',
  '{{7*7}}',
  '${7*7}',
  '<script>alert(1)</script>',
  '\u0000',
  '\u001b[31m',
  '\ud800',
  '__proto__',
  'constructor',
  'toString',
  'a'.repeat(3_000),
  '\u202e',
  '',
  '-1',
  'NaN',
  '1e999',
  '9'.repeat(40),
];

let world: World;
const { paths, components } = await readOpenApiDocument();
const operations = operationsOf({ openapi: '', paths, components }).filter(
  ({ operation }) => !LEFT_OUT.has(operation.operationId),
);

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Operations that did what they were asked for at least once. */
const understood = new Set<string>();

const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string(), fc.string({ unit: 'binary' }));

/** Values that a schema allows. */
function valid(schema: JsonSchema): fc.Arbitrary<unknown> {
  const { $ref, anyOf, enum: values, type } = schema;
  if ($ref !== undefined) return valid(components.schemas[$ref.split('/').at(-1) ?? ''] ?? {});
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((one) => valid(one)));
  if (values !== undefined) return fc.constantFrom(...values);
  if ('const' in schema) return fc.constant(schema.const);
  if (type === 'boolean') return fc.boolean();
  if (type === 'integer' || type === 'number') {
    return fc.integer({
      min: schema.minimum ?? -1_000,
      max: Math.min(schema.maximum ?? 1_000, 2 ** 31 - 1),
    });
  }
  if (type === 'array')
    return fc.array(valid(schema.items ?? {}), { maxLength: 4, minLength: schema.minItems ?? 0 });
  if (type === 'object') return validObject(schema);
  if (type === 'string') {
    return fc
      .oneof(fc.constantFrom('mine', 'main', 'v1', 'A', 'x'), hostile)
      .map((text) =>
        text.slice(0, Math.min(schema.maxLength ?? 500, 3_000)).padEnd(schema.minLength ?? 0, 'x'),
      );
  }
  return fc.jsonValue({ maxDepth: 2 });
}

function validObject({ properties = {}, required = [] }: JsonSchema): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties).map(([name, schema]) => [name, valid(schema)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: required });
}

/** Bodies that the schema allows, bodies with a part that it does not, and bodies that are something else. */
function bodies({ requestBody }: OpenApiOperation): fc.Arbitrary<unknown> {
  const schema = requestBody?.content?.['application/json']?.schema;
  if (schema === undefined) return fc.constant(undefined);
  const right = valid(schema);
  const wrong = fc.oneof(hostile, fc.jsonValue(), fc.constantFrom(null, -1, 1e308, [], {}));
  const names = fc.constantFrom(...Object.keys(schema.properties ?? { x: 1 }), 'surplus');
  const changed = fc
    .tuple(right, names, wrong)
    .map(([body, name, value]) => ({ ...(body as object), [name]: value }));
  return fc.oneof({ weight: 3, arbitrary: right }, { weight: 3, arbitrary: changed }, wrong);
}

function parameters(
  operation: OpenApiOperation,
  place: string,
): fc.Arbitrary<Record<string, unknown>> {
  const ours = (operation.parameters ?? []).filter((parameter) => parameter.in === place);
  const fields = ours.map(({ name, schema }) => {
    const known: Record<string, string> = {
      app: 'mine',
      function: world.functions.mine,
      deployment: 'v1',
    };
    const values = fc.oneof(fc.constantFrom(known[name] ?? 'x'), valid(schema), hostile);
    return [name, values] as const;
  });
  const requiredKeys = ours.filter(({ required }) => required).map(({ name }) => name);
  return fc.record(Object.fromEntries(fields), { requiredKeys });
}

/** As it goes over HTTP: a lone surrogate is no text, and dots alone would be another path. */
function asPath(params: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, String(value).toWellFormed() || 'x']),
  );
}

describe.each(
  operations.map(({ operation, ...place }) => ({ id: operation.operationId, operation, ...place })),
)('$id', ({ id, method, path, operation }) => {
  it('answers whatever comes', { timeout: 300_000 }, async () => {
    const sample = fc.record({
      params: parameters(operation, 'path'),
      query: parameters(operation, 'query'),
      body: bodies(operation),
    });
    const property = fc.asyncProperty(sample, async ({ params, query, body }) => {
      const { tail: _, ...asked } = query;
      const url = urlOf(path, asPath(params), asPath(asked));
      const before = performance.now();
      const answer = await world.send({
        method,
        path: url,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const told = `${method} ${url} ${JSON.stringify(body)}: ${answer.status} ${answer.body.slice(0, 300)}`;
      expect(performance.now() - before, told).toBeLessThan(DEADLINE_MS);
      if (answer.status < 300) understood.add(id);
      if (answer.status < 500) return;
      // What waits for its turn is told so; all else would be a bug.
      expect(json(answer)['code'], told).toBe('busy');
    });
    await fc.assert(property, { numRuns: RUNS });
  });
});

it('asked for much that was understood', () => {
  expect(understood.size).toBeGreaterThan(operations.length / 4);
});

describe('the server', () => {
  it.each([
    ['10 MB', Buffer.alloc(10_000_000, 0x20)],
    ['brackets without end', Buffer.from('['.repeat(500_000))],
    ['names without end', Buffer.from(`{${'"a":{'.repeat(100_000)}`)],
    ['one name many times', Buffer.from(`{"name":"x"${',"name":"x"'.repeat(50_000)}}`)],
    ['a prototype', Buffer.from('{"__proto__":{"role":"admin"},"name":"x"}')],
    ['a constructor', Buffer.from('{"constructor":{"prototype":{"role":"admin"}},"name":"x"}')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a number with a million digits', Buffer.from(`{"name":${'9'.repeat(900_000)}}`)],
  ])('refuses a body of %s, and goes on', async (_, body) => {
    expect([400, 413]).toContain(await statusOf(body));
    expect((await world.call('whoAmI', {})).status).toBe(200);
  });

  it('refuses headers that are too long', async () => {
    const answer = await world.send({
      method: 'GET',
      path: '/whoami',
      headers: { 'x-long': 'x'.repeat(20_000) },
    });
    expect(answer.status).toBe(431);
  });
});

/** It may answer before all is sent, and end the connection: then what is left cannot be written any more. */
async function statusOf(body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: '127.0.0.1',
      port: world.platform.port,
      method: 'POST',
      path: '/tokens',
      headers: {
        host: 'localhost',
        authorization: `Bearer ${world.platform.adminToken}`,
        'content-type': 'application/json',
        'content-length': body.length,
      },
    });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    // After the answer it changes nothing any more.
    request.on('error', reject);
    request.end(body);
  });
}
