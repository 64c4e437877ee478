import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi } from '../../src/api/index.ts';
import { PEER_ADDRESS_HEADER } from '../../src/protocol/peer.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { readOpenApiDocument } from '../support/openapi-document.ts';
import { type Input, json, type OperationId, urlOf } from './caller.ts';
import { placedOperations, placesOf } from './places.ts';
import { REQUESTS } from './requests.ts';
import { createWorld, type World } from './world.ts';

const document = await readOpenApiDocument();
const OPERATIONS = placedOperations(document);
/** A git host signs its bytes, which are looked at only when the signature is right. */
const TAKING_JSON = OPERATIONS.filter(
  ({ operation }) => operation.requestBody?.content?.['application/json'] !== undefined,
);

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world?.[Symbol.asyncDispose]());

const JSON_TYPE = 'application/json';
const utf16 = (body: string): Buffer => Buffer.from(`\ufeff${body}`, 'utf16le');

interface Odd {
  type?: string;
  encoding?: string;
  status: number[];
  /** Of a body that would be taken. */
  make: (right: string) => string | Buffer;
}

const withField = (field: string) => (right: string) =>
  right === '{}' ? `{${field}}` : `${right.slice(0, -1)},${field}}`;

const ODD: Record<string, Odd> = {
  'a prototype': { status: [400], make: withField('"__proto__":{"role":"admin"}') },
  'a prototype in other letters': {
    status: [400],
    make: withField('"\\u005f_proto__":{"role":"admin"}'),
  },
  'a constructor': {
    status: [400],
    make: withField('"constructor":{"prototype":{"role":"admin"}}'),
  },
  'a prototype within': { status: [400], make: withField('"x":{"__proto__":{"role":"admin"}}') },
  'a constructor within': {
    status: [400],
    make: withField('"x":[{"constructor":{"prototype":{"role":"admin"}}}]'),
  },
  'a name twice': { status: [400], make: withField('"twice":1,"twice":1') },
  'a name twice, once in other letters': {
    status: [400],
    make: withField('"twice":1,"\\u0074wice":2'),
  },
  'objects 10,000 deep': {
    status: [400],
    make: withField(`"x":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`),
  },
  'arrays 10,000 deep': {
    status: [400],
    make: () => `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  },
  '10 MB': { status: [413], make: withField(`"x":"${'x'.repeat(10_000_000)}"`) },
  'half of it': { status: [400], make: (right) => right.slice(0, -1) },
  'two of it': { status: [400], make: (right) => right + right },
  'no JSON': { status: [400], make: () => 'name=x' },
  'no object': { status: [400], make: () => '"text"' },
  null: { status: [400], make: () => 'null' },
  'no UTF-8': { status: [400], make: () => Buffer.from([0x7b, 0xff, 0x7d]) },
  'UTF-16': { status: [400], make: utf16 },
  'UTF-16 that says so': { type: `${JSON_TYPE}; charset=utf-16`, status: [415], make: utf16 },
  'UTF-8 that says UTF-16': {
    type: `${JSON_TYPE};charset="UTF-16"`,
    status: [415],
    make: (right) => right,
  },
  gzip: { encoding: 'gzip', status: [400], make: (right) => gzipSync(right) },
  'gzip of 10 MB': { encoding: 'gzip', status: [400], make: () => gzipSync(Buffer.alloc(1e7)) },
  'an encoding of no name': { encoding: 'constructor', status: [400], make: () => '{' },
  'plain text': { type: 'text/plain', status: [415], make: (right) => right },
  XML: { type: 'application/xml', status: [415], make: (right) => right },
  'a form': { type: 'application/x-www-form-urlencoded', status: [415], make: () => 'name=x' },
  parts: { type: 'multipart/form-data; boundary=x', status: [415], make: () => '--x--' },
  'almost JSON': { type: 'application/jsonp', status: [415], make: (right) => right },
  'no type': { type: '', status: [415], make: (right) => right },
  'a broken type': { type: 'application', status: [415], make: (right) => right },
};

/** A function takes any JSON. */
const isTaken = (id: OperationId, what: string): boolean =>
  id === 'invokeFunction' && ['no object', 'null'].includes(what);

describe.each(TAKING_JSON)('$id', ({ id, method, path }) => {
  it.each(Object.entries(ODD))('refuses %s', async (what, { type, encoding, status, make }) => {
    if (isTaken(id, what)) return;
    const { params = {}, query = {}, body = {} } = REQUESTS[id].input(world);
    const answer = await world.send({
      method,
      path: urlOf(path, params, query),
      body: make(JSON.stringify(body)),
      headers: {
        'content-type': type ?? JSON_TYPE,
        ...(encoding !== undefined && { 'content-encoding': encoding }),
      },
    });
    expect(status, answer.body.slice(0, 300)).toContain(answer.status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(json(answer)).toMatchObject({ code: expect.any(String), detail: expect.any(String) });
  });
});

const POLLUTING = [
  '__proto__=x',
  '__proto__[role]=admin',
  '__proto__.role=admin',
  'constructor=x',
  'constructor[prototype][role]=admin',
  'constructor.prototype.role=admin',
  'limit=1&limit[__proto__][role]=admin',
];

describe.each(OPERATIONS)('$id', ({ id, method, path, operation }) => {
  const isQueried = (operation.parameters ?? []).some((one) => one.in === 'query');
  it('takes no prototype from its query', async () => {
    if (id === 'rotateMasterKey') return;
    const { params = {}, body }: Input = id.startsWith('delete')
      ? { params: { app: 'nobodys', function: 'nobodys' } }
      : REQUESTS[id].input(world);
    for (const query of POLLUTING) {
      const answer = await world.send({
        method,
        path: `${urlOf(path, params, {})}?${query}`,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const told = `${query}: ${answer.status} ${answer.body.slice(0, 300)}`;
      if (answer.status >= 500) expect(json(answer)['code'], told).toBe('busy');
      if (isQueried) expect(answer.status, told).toBe(400);
    }
  });
});

/** What of numbers is none, or none that a column or a date holds. */
const NUMBERS = ['1e999', '-1e999', '-0', '1e308', '9007199254740993', '-1', '1.5', '1e-400'];
const WITH_NUMBERS = OPERATIONS.filter(
  (one) => placesOf(one, 'number', { document, world: playedWorld() }).length > 0,
);

describe.each(WITH_NUMBERS)('$id', (one) => {
  it('takes no number that is none', async () => {
    for (const { where, ask } of placesOf(one, 'number', { document, world })) {
      for (const number of NUMBERS) {
        const answer = await world.send({ method: one.method, ...ask(number) });
        const told = `${where}: ${number}: ${answer.status} ${answer.body.slice(0, 300)}`;
        expect(answer.status, told).toBeLessThan(500);
        if (number.endsWith('1e999')) expect(answer.status, told).toBeGreaterThanOrEqual(400);
        if (number.endsWith('1e999')) expect(answer.status, told).toBeLessThan(423);
      }
    }
  });
});

/** Enough of one for the inputs of operations. */
function playedWorld(): World {
  return { functions: { mine: 'mine', theirs: 'theirs' }, victim: 'none' } as unknown as World;
}

it('passes over a byte order mark, as RFC 8259 (section 8.1) lets it', async () => {
  const answer = await world.send({
    method: 'POST',
    path: '/tokens',
    body: '\ufeff{"name":"marked","role":"viewer"}',
  });
  expect(answer.status).toBe(201);
});

/** A body that ends before its length, by the end of what is sent or of the connection. */
it.each(['end', 'destroy'] as const)('goes on when a body is cut off by %s', async (how) => {
  for (const { id, method, path } of TAKING_JSON) {
    const { params = {}, query = {} } = REQUESTS[id].input(world);
    const head = [
      `${method} ${urlOf(path, params, query)} HTTP/1.1`,
      'Host: localhost',
      `Authorization: Bearer ${world.platform.adminToken}`,
      `Content-Type: ${JSON_TYPE}`,
      'Content-Length: 100',
    ];
    const socket = net.connect(world.platform.port, '127.0.0.1');
    socket.on('error', () => {}); // It is cut off.
    await once(socket, 'connect');
    await new Promise((sent) => socket.write(`${head.join('\r\n')}\r\n\r\n{"name":`, sent));
    if (how === 'destroy') {
      socket.destroy();
      continue;
    }
    socket.end();
    expect(await text(socket), id).toMatch(/^$|^HTTP\/1\.1 4\d\d /);
  }
  expect((await world.call('whoAmI', {})).status).toBe(200);
});

it('leaves what all objects inherit as it is', async () => {
  let isStarted = false;
  const played: unknown = new Proxy(() => played, {
    get: (_, name) => (name === 'then' ? undefined : played),
    apply: () => {
      if (isStarted) throw new PlatformError('not-found', 'there is nothing here');
      return played;
    },
  });
  const access = new Proxy(
    {},
    { get: (_, name) => (name === 'authenticate' ? async () => ({}) : played) },
  );
  const deps = new Proxy({}, { get: (_, name) => (name === 'access' ? access : played) });
  const api = await createApi(deps as Parameters<typeof createApi>[0]);
  isStarted = true;
  const before = Object.getOwnPropertyNames(Object.prototype).toSorted();
  const polluting = Object.values(ODD).filter(({ make }) => /proto/.test(String(make('{}'))));
  expect(polluting.length).toBeGreaterThan(4);
  for (const { id, method, path } of TAKING_JSON) {
    const { params = {}, body = {} } = REQUESTS[id].input(playedWorld());
    for (const [at, { make }] of polluting.entries()) {
      const answer = await api.inject({
        method: method as 'POST',
        url: `${urlOf(path, params, {})}?${POLLUTING[at] ?? ''}`,
        headers: {
          'content-type': JSON_TYPE,
          authorization: 'Bearer x',
          [PEER_ADDRESS_HEADER]: '127.0.0.1',
        },
        payload: make(JSON.stringify(body)),
      });
      expect(answer.statusCode, `${id}: ${answer.body}`).toBe(400);
    }
  }
  expect(Object.getOwnPropertyNames(Object.prototype).toSorted()).toEqual(before);
  expect(({} as { role?: string }).role).toBeUndefined();
  await api.close();
});
