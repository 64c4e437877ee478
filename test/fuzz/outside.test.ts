/** What builders, sandboxes without a network, name servers and git clients send to the processes that read it. */
import { EventEmitter } from 'node:events';
import type net from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BuilderOutput } from '../../src/build/builder-output.ts';
import { checkResult } from '../../src/build/check-result.ts';
import { createRegistryProxy } from '../../src/build/registry-proxy.ts';
import { createAppShares } from '../../src/egress/app-shares.ts';
import { serveChannel } from '../../src/egress/channel.ts';
import { DnsFormatError } from '../../src/egress/dns-message.ts';
import { readDnsMessage } from '../../src/egress/read-dns.ts';
import { encodeDnsQuery } from '../../src/egress/write-dns.ts';
import { encodePacket, FLUSH_PACKET } from '../../src/git/packet-line.ts';
import { Refusal } from '../../src/git/refusal.ts';
import { createFetchHeadParser, createPushHeadParser } from '../../src/git/request-head.ts';
import { BUILDER_FRAME } from '../../src/protocol/builder.ts';
import { CHANNEL_FRAME, MAX_CHANNEL_STREAMS } from '../../src/protocol/egress-channel.ts';
import { encodeFrame } from '../../src/protocol/framing.ts';
import { MAXIMA } from '../build/build-harness.ts';
import { tableOf } from '../support/egress-channel.ts';
import { systemClock } from '../../src/std/clock.ts';
import { bytes, effort, FUZZ_TIMEOUT_MS, nearly } from './fuzz.ts';

/** Frames of these types, well formed, nearly, and not at all; in pieces. */
function frames(types: readonly number[], payloads: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer[]> {
  const frame = fc
    .tuple(fc.constantFrom(...types), fc.nat(6), payloads)
    .map(([type, stream, payload]) => encodeFrame(type, stream, payload));
  const any = fc.oneof({ weight: 9, arbitrary: frame }, nearly(frame));
  return fc.array(any, { maxLength: 12 });
}

const u32 = fc.nat(0xff_ff_ff_ff).map((value) => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(value);
  return payload;
});
const json = (...values: unknown[]): fc.Arbitrary<Buffer> =>
  fc.constantFrom(...values.map((value) => Buffer.from(JSON.stringify(value))));

const RESULT = {
  kind: 'built',
  runtime: 'nodejs',
  functions: [
    {
      name: 'main',
      file: 'main.js',
      entry: 'index.js',
      memoryMib: 128,
      timeoutMs: 1_000,
      concurrency: 1,
      maxBodyBytes: 10,
      path: '/:id',
    },
  ],
  environment: { reads: [], required: [] },
  publicFiles: [],
  releaseCommand: null,
  reused: [],
  inputs: null,
  warnings: [],
};

describe('control', () => {
  it(
    'takes a result of a build whole, or not at all',
    () => {
      const property = fc.property(nearly(json(RESULT)), (text) => {
        const result = checkResult(text.toString(), MAXIMA);
        if (result?.kind !== 'built') return;
        for (const { name, memoryMib, timeoutMs } of result.functions) {
          expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
          expect(memoryMib).toBeGreaterThanOrEqual(32);
          expect(timeoutMs).toBeLessThanOrEqual(MAXIMA.timeoutMs);
        }
      });
      fc.assert(property, effort(1_000));
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'hears of a builder what the protocol says, and ends with an error of its own otherwise',
    () => {
      const payload = fc.oneof(
        bytes(60),
        u32,
        json(RESULT, 'a line', { host: 'x', port: 1 }, { path: '../x', sha256: '' }),
      );
      const property = fc.property(frames(Object.values(BUILDER_FRAME), payload), (chunks) => {
        const lines: string[] = [];
        const sent: number[] = [];
        const proxy = createRegistryProxy({
          registries: [],
          send: (type) => void sent.push(type),
          say: () => {},
        });
        const output = new BuilderOutput(
          MAXIMA,
          (line) => void lines.push(line),
          (frame) => proxy.receive(frame),
        );
        try {
          for (const chunk of chunks) output.push(chunk);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect(error).not.toBeInstanceOf(TypeError);
          expect(error).not.toBeInstanceOf(RangeError);
        }
        proxy.close();
        // eslint-disable-next-line no-control-regex -- it is what a terminal would act upon
        for (const line of lines) expect(line).not.toMatch(/[\0-\x08\x0b-\x1f\x7f]/);
      });
      fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** The egress process's end of a channel, without the socket's own buffers. */
class ChannelSocket extends EventEmitter {
  readonly written: Buffer[] = [];
  readonly writableLength = 0;
  destroyed = false;

  write(frame: Buffer, done?: () => void): boolean {
    this.written.push(frame);
    done?.();
    return true;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.emit('close');
    return this;
  }
}

describe('egress', () => {
  it(
    'answers each question of a channel once, and keeps nothing of one that has closed',
    async () => {
      const payload = fc.oneof(
        bytes(40),
        u32,
        json({ host: 'denied.test', port: 80 }, { host: '127.0.0.1', port: 1 }, null, 7),
        fc.constantFrom(Buffer.from('denied.test'), Buffer.from('x'.repeat(300))),
      );
      const shares = createAppShares({ upstream: tableOf({}), nowMs: () => performance.now() });
      const property = fc.asyncProperty(
        frames(Object.values(CHANNEL_FRAME), payload),
        async (chunks) => {
          const socket = new ChannelSocket();
          const share = shares.join('app');
          serveChannel(
            socket as unknown as net.Socket,
            { publicAllowed: false, rules: [] },
            {
              upstream: share.upstream,
              hosts: () => new Map(),
              ownAddresses: () => new Set(),
              share,
              clock: systemClock,
            },
          );
          for (const chunk of chunks) if (!socket.destroyed) socket.emit('data', chunk);
          await new Promise((resolve) => setImmediate(resolve));
          socket.destroy();
          expect(share.received.isFull()).toBe(false);
          expect(socket.written.length).toBeLessThan(MAX_CHANNEL_STREAMS);
          shares.leave('app');
        },
      );
      await fc.assert(property, effort());
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'reads a message of DNS, or says that it is none',
    () => {
      const query = fc
        .tuple(fc.nat(0xff_ff), fc.constantFrom('a.example', 'xn--bcher-kva.example', ''))
        .map(([id, name]) => encodeDnsQuery(id, { name, type: 1 }, 1232));
      const property = fc.property(nearly(query), (message) => {
        try {
          const { question, answers } = readDnsMessage(message);
          expect(question.name.length).toBeLessThan(1_100);
          expect(answers.length).toBeLessThanOrEqual(256);
        } catch (error) {
          expect(error).toBeInstanceOf(DnsFormatError);
        }
      });
      fc.assert(property, effort(1_000));
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('the git front', () => {
  const sha = fc.constantFrom('0'.repeat(40), 'a'.repeat(40), 'A'.repeat(40), 'short');
  const ref = fc.oneof(fc.constant('refs/heads/main'), fc.string());
  const command = fc
    .tuple(sha, sha, ref, fc.boolean())
    .map(([old, next, name, last]) => `${old} ${next} ${name}${last ? '\0report-status' : '\n'}`);
  const packet = fc
    .oneof(command, fc.constantFrom(`shallow ${'a'.repeat(40)}`, `want ${'a'.repeat(40)}\n`))
    .map(encodePacket);
  const flush = Buffer.from(FLUSH_PACKET);
  const body = fc
    .array(packet, { minLength: 1, maxLength: 6 })
    .map((packets) => Buffer.concat([...packets, flush]));

  it.each([
    ['push', createPushHeadParser],
    ['fetch', createFetchHeadParser],
  ])(
    'reads the head of a %s the same however it comes in pieces, or refuses it',
    (_, createParser) => {
      const read = (whole: Buffer, cuts: number[]) => {
        const parser = createParser();
        try {
          for (const cut of cuts) {
            const head = parser.parse(whole.subarray(0, cut));
            if (head !== null) return head;
          }
          return parser.parse(whole);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
          return 'refused';
        }
      };
      const property = fc.property(
        nearly(body),
        fc.array(fc.nat(400), { maxLength: 4 }),
        (whole, cuts) => {
          const growing = [...cuts].sort((a, b) => a - b);
          expect(read(whole, growing)).toEqual(read(whole, []));
        },
      );
      fc.assert(property, effort(1_000));
    },
    FUZZ_TIMEOUT_MS,
  );
});
