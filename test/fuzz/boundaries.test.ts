/** What hooks, holders of tokens, sandboxes and the platform's own processes send over boundaries within one machine. */
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ApiDeps } from '../../src/api/ports.ts';
import { createApi } from '../../src/api/index.ts';
import { createHookServer, type HookCall } from '../../src/git/hook-server.ts';
import { Pushes } from '../../src/git/pushes.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { RELAY_FRAME, RELAY_WINDOW_BYTES, RelayStream } from '../../src/protocol/relay-stream.ts';
import { forwardToUpstream } from '../../src/router/upstream.ts';
import { randomName } from '../../src/std/ids.ts';
import { bytes, effort, FUZZ_TIMEOUT_MS, nearly } from './fuzz.ts';

const socketPath = (): string => join(tmpdir(), `fuzz-${randomName(8)}.sock`);

describe('the git front', () => {
  const REPOSITORY = '/repositories/app-aaaaaaaaaaaa.git';
  const PID = 4_242;
  const sha = fc.constantFrom('a'.repeat(40), '0'.repeat(40));
  const update = fc
    .tuple(sha, sha, fc.constantFrom('refs/heads/main', 'refs/tags/v1', 'refs/x\u001b[31m'))
    .map((words) => words.join(' '));
  const quarantine = fc.constantFrom(
    '-',
    `${REPOSITORY}/objects/tmp_objdir-incoming-abcdef`,
    `${REPOSITORY}/objects/../objects/incoming-abcdef`,
    '/repositories/app-bbbbbbbbbbbb.git/objects/incoming-abcdef',
    `${REPOSITORY}/objects/incoming-abcdef/../../hooks`,
  );
  const call = fc
    .tuple(
      fc.constantFrom('pre-receive', 'post-receive', 'update'),
      fc.constantFrom(PID, 1, 99_999_999_999),
      quarantine,
      fc.array(update, { maxLength: 3 }),
    )
    .map(([hook, pid, path, updates]) =>
      Buffer.from([`${hook} ${pid} ${path}`, ...updates, ''].join('\n')),
    );

  it(
    'believes a hook only of a push that runs, with a quarantine of that repository, and answers the others',
    async () => {
      const pushes = new Pushes();
      const child = { pid: PID, on: () => child } as never;
      const push = pushes.add(
        {
          id: 'push-1',
          appId: 'app-aaaaaaaaaaaa',
          repository: REPOSITORY,
          principal: {} as never,
          from: { address: null, userAgent: null },
          quarantine: null,
          updates: [],
          acceptedRefs: new Set(),
          isHandedOver: false,
        },
        child,
      );
      const calls: HookCall[] = [];
      const server = createHookServer(pushes, (one) => {
        calls.push(one);
        one.socket.end('exit 0\n');
      });
      const path = socketPath();
      server.listen(path);
      await once(server, 'listening');
      const property = fc.asyncProperty(nearly(call), async (text) => {
        calls.length = 0;
        const socket = net.connect(path);
        socket.end(text);
        let answer = '';
        for await (const chunk of socket) answer += String(chunk);
        expect(answer).toMatch(calls.length === 1 ? /^exit 0\n$/ : /^line .*\nexit 1\n$/);
        for (const { hook, updates } of calls) {
          expect(['pre-receive', 'post-receive']).toContain(hook);
          expect(updates.length).toBeGreaterThan(0);
          for (const { oldSha, newSha, ref } of updates) {
            expect(`${oldSha} ${newSha}`).toMatch(/^[0-9a-f]{40} [0-9a-f]{40}$/);
            expect(ref).toMatch(/^refs\/[^\n]+$/);
          }
          expect(push.quarantine ?? `${REPOSITORY}/objects/incoming-000000`).toMatch(
            /^\/repositories\/app-aaaaaaaaaaaa\.git\/objects\/(tmp_objdir-)?incoming-[A-Za-z0-9]+$/,
          );
        }
      });
      await fc.assert(property, effort()).finally(() => server.close());
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** Stands for everything that the API calls: whatever is asked of it is away. */
function away(): never {
  const target = (): never => {
    throw new PlatformError('unavailable', 'away');
  };
  return new Proxy(target, {
    get: (_, name) => (name === 'then' ? undefined : away()),
    apply: target,
  }) as never;
}

interface Operation {
  method: string;
  url: string;
  fields: string[];
}

interface DescribedBody {
  content?: Record<string, { schema?: { properties?: object } }>;
}

describe('the control API', () => {
  let api: FastifyInstance;
  let operations: Operation[];
  const bugs: unknown[] = [];

  beforeAll(async () => {
    const actor = { tokenId: 'tok-1', tokenName: 'admin', kind: 'personal', grants: [] } as const;
    const deps = {
      access: new Proxy({} as ApiDeps['access'], {
        get: (_, name) => (name === 'authenticate' ? async () => actor : away()),
      }),
      address: { baseDomain: 'localhost', controlHost: 'localhost', scheme: 'http', port: 80 },
      ssh: null,
      version: '0.0.0',
      commandLineFile: import.meta.filename,
      now: () => 0,
      isDatabaseUp: async () => false,
      isAlarmed: () => false,
      warnings: async () => [],
      onBug: (error: unknown) => void bugs.push(error),
    } as Partial<ApiDeps>;
    api = await createApi(
      new Proxy(deps as ApiDeps, {
        get: (known, name) => (name in known ? Reflect.get(known, name) : away()),
      }),
    );
    const { paths } = api.swagger() as unknown as { paths: Record<string, Record<string, object>> };
    operations = Object.entries(paths).flatMap(([url, methods]) =>
      Object.entries(methods).map(([method, described]) => {
        const { requestBody } = described as { requestBody?: DescribedBody };
        const schema = requestBody?.content?.['application/json']?.schema;
        return {
          method: method.toUpperCase(),
          url,
          fields: Object.keys(schema?.properties ?? {}),
        };
      }),
    );
  });
  afterAll(() => api.close());

  it(
    'answers every body and every name with a problem that says what is wrong, never with one of its own',
    async () => {
      expect(operations.filter(({ fields }) => fields.length > 0).length).toBeGreaterThan(3);
      const word = fc.oneof(
        fc.constantFrom('hello', 'main', 'v1', '%00', '..%2f..', '__proto__', 'constructor'),
        fc.string().map(encodeURIComponent),
      );
      const value = fc.oneof(
        fc.constantFrom('hello', 'NAME', 'a'.repeat(70_000), '\u0000', -1, 2 ** 53, null, []),
        fc.jsonValue(),
      );
      const sample = fc.record({
        operation: fc.constantFrom(...operations),
        words: fc.array(word, { minLength: 6, maxLength: 6 }),
        values: fc.array(value, { minLength: 8, maxLength: 8 }),
        extra: fc.option(fc.constantFrom('__proto__', 'constructor', 'x')),
        damage: fc.option(bytes(20)),
      });
      const property = fc.asyncProperty(sample, async (one) => {
        const { method, fields } = one.operation;
        const words = one.words.values();
        const url = one.operation.url.replaceAll(/\{\w+\}/g, () => words.next().value ?? 'x');
        const names = one.extra === null ? fields : [...fields, one.extra];
        const text = `{${names.map((name, at) => `${JSON.stringify(name)}:${JSON.stringify(one.values[at % 8])}`).join(',')}}`;
        const body = one.damage === null ? text : Buffer.concat([Buffer.from(text), one.damage]);
        const answer = await api.inject({
          method: method as 'POST',
          url,
          headers: {
            authorization: 'Bearer x',
            'x-gitfn-peer-scheme': 'https',
            'content-type': 'application/json',
          },
          ...(method !== 'GET' && { payload: body }),
        });
        expect(bugs, `${method} ${url} ${text}`).toEqual([]);
        expect([200, 400, 403, 404, 405, 413, 422, 503]).toContain(answer.statusCode);
      });
      await fc.assert(property, effort(120));
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('a relayed connection', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('receive' as const), bytes: fc.nat(RELAY_WINDOW_BYTES + 10) }),
    fc.record({ kind: fc.constant('credit' as const), bytes: fc.nat(RELAY_WINDOW_BYTES + 10) }),
    fc.record({ kind: fc.constant('write' as const), bytes: fc.nat(2 * RELAY_WINDOW_BYTES) }),
    fc.record({
      kind: fc.constantFrom('ended', 'reset', 'end', 'destroy', 'read', 'wait'),
      bytes: fc.constant(0),
    }),
  );

  it(
    'never sends more than its window, credits no more than came, and is silent once it is over',
    async () => {
      const property = fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const sent = { data: 0, credited: 0, afterEnd: 0 };
        let isOver = false;
        const relay = new RelayStream((type, payload) => {
          if (isOver) sent.afterEnd += 1;
          if (type === RELAY_FRAME.DATA) sent.data += payload.length;
          if (type === RELAY_FRAME.CREDIT) sent.credited += Buffer.from(payload).readUInt32BE(0);
          if (type === RELAY_FRAME.RESET) isOver = true;
        });
        relay.on('error', () => {});
        let received = 0;
        let credited = 0;
        for (const { kind, bytes: count } of steps) {
          if (kind === 'receive') {
            if (!relay.receive(Buffer.alloc(count))) break; // The connection of all ends here.
            received += count;
          } else if (kind === 'credit') {
            if (!relay.credit(count)) break;
            credited += count;
          } else if (kind === 'write' && !relay.writableEnded && !relay.destroyed) {
            relay.write(Buffer.alloc(count));
          } else if (kind === 'ended') relay.ended();
          else if (kind === 'reset') relay.reset('x');
          else if (kind === 'end') relay.end();
          else if (kind === 'destroy') relay.destroy();
          else if (kind === 'read') relay.read();
          else await new Promise((resolve) => setImmediate(resolve));
          expect(sent.data - credited).toBeLessThanOrEqual(RELAY_WINDOW_BYTES);
          expect(sent.credited).toBeLessThanOrEqual(received);
        }
        await new Promise((resolve) => setImmediate(resolve));
        expect(sent.afterEnd).toBe(0);
        relay.destroy();
      });
      await fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('the door', () => {
  const head = fc
    .tuple(
      fc.constantFrom('200 OK', '099 Low', '204 No Content', '304 Not', '101 Go', '999 X', '100 C'),
      fc.array(
        fc.constantFrom(
          'content-length: 5',
          'content-length: 50',
          'transfer-encoding: chunked',
          'connection: upgrade',
          'x-a: \u0001',
          'x-b: \u00e9\u00ff',
          'x c: d',
          'set-cookie: a=b',
          'upgrade: x',
          'trailer: a',
        ),
        { maxLength: 4 },
      ),
      fc.constantFrom('hello', '5\r\nhello\r\n0\r\n\r\n', '5\r\nhello\r\n0\r\na: b\r\n\r\n', ''),
    )
    .map(([status, headers, body]) =>
      Buffer.from([`HTTP/1.1 ${status}`, ...headers, '', body].join('\r\n'), 'latin1'),
    );

  it(
    'passes on what a process of the platform answers, or says that it is away, and lives',
    async () => {
      let answer: Buffer = Buffer.alloc(0);
      const path = socketPath();
      const upstream = net.createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(answer));
      });
      upstream.listen(path);
      const door = http.createServer((request, response) =>
        forwardToUpstream(
          { request, response, peer: { address: '127.0.0.1', scheme: 'http' } as never },
          { socketPath: path, away: () => ({ status: 503, body: 'It is away\n' }) },
        ),
      );
      door.listen(0, '127.0.0.1');
      await Promise.all([once(upstream, 'listening'), once(door, 'listening')]);
      const { port } = door.address() as AddressInfo;
      const property = fc.asyncProperty(nearly(head), async (text) => {
        answer = text;
        const client: Duplex = net.connect(port, '127.0.0.1');
        client.on('error', () => {});
        client.write('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
        let all = '';
        for await (const chunk of client) all += (chunk as Buffer).toString('latin1');
        expect(all).toMatch(/^HTTP\/1\.1 [2-9]\d\d /);
      });
      await fc.assert(property, effort(120)).finally(() => {
        upstream.close();
        door.close();
        door.closeAllConnections();
      });
    },
    FUZZ_TIMEOUT_MS,
  );
});
