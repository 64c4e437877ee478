import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Invocation, InvocationLink } from '../../src/pool/ports.ts';
import { WorkerLink } from '../../src/pool/worker-link.ts';
import { encodeFrame } from '../../src/protocol/framing.ts';
import { encodeResponseHead, WORKER_FRAME } from '../../src/protocol/worker.ts';
import { systemClock } from '../../src/std/clock.ts';
import { bytes, effort, FUZZ_TIMEOUT_MS } from './fuzz.ts';

/** A worker that sends anything, while invocations come and go. */
const CONCURRENCY = 3;

class Recorder implements Invocation {
  readonly requestId = 'id';
  readonly text = 'id\nGET\n/\nhttp\n127.0.0.1';
  readonly hasBody = true;
  stream = -1;
  ends = 0;
  afterEnd = 0;

  begun(_link: InvocationLink, stream: number): void {
    this.stream = stream;
  }
  refused(): void {
    this.#end();
  }
  replied(): void {
    this.#end();
  }
  ended(): void {
    this.#end();
  }
  failed(): void {
    this.#end();
  }
  headed(): void {
    this.#event();
  }
  body(): boolean {
    this.#event();
    return false;
  }
  credited(): void {
    this.#event();
  }

  #event(): void {
    if (this.ends > 0) this.afterEnd += 1;
  }

  #end(): void {
    this.ends += 1;
  }
}

const types = fc.oneof(fc.constantFrom(...Object.values(WORKER_FRAME)), fc.nat(255));
const payloads = fc.oneof(
  bytes(60),
  fc.constant(Buffer.concat([encodeResponseHead(200, 'x-a\nb'), Buffer.from('abc')])),
  fc.constantFrom('{}', '{"message":"m","text":"t","dropped":1}').map((json) => Buffer.from(json)),
  fc.constant(Buffer.alloc(4, 1)),
);
/** `of` chooses among the streams that were given out; others are made up. */
const steps = fc.array(
  fc.oneof(
    fc.constant({ kind: 'invoke' as const }),
    fc.record({ kind: fc.constant('cancel' as const), of: fc.nat(20) }),
    fc.record({
      kind: fc.constant('frame' as const),
      type: types,
      of: fc.nat(20),
      payload: payloads,
    }),
    fc.record({
      kind: fc.constant('stray' as const),
      type: types,
      stream: fc.nat(9),
      payload: payloads,
    }),
    fc.record({ kind: fc.constant('raw' as const), chunk: bytes(30) }),
  ),
  { maxLength: 40 },
);

it(
  'each invocation ends once and hears nothing after, and a breach is told once, whatever a worker sends',
  () => {
    const property = fc.property(steps, (list) => {
      const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
      const link = new WorkerLink(socket as unknown as Socket, systemClock);
      let breaches = 0;
      link.listen({ unusable: () => (breaches += 1) });
      link.specialise(HEAD, Buffer.alloc(0));
      const invocations: Recorder[] = [];
      const cancelled = new Set<Recorder>();
      for (const step of list) {
        const chosen =
          'of' in step ? invocations[step.of % Math.max(1, invocations.length)] : undefined;
        if (step.kind === 'invoke' && link.room > 0 && breaches === 0) {
          const recorder = new Recorder();
          invocations.push(recorder);
          link.invoke(recorder, null);
        } else if (step.kind === 'cancel' && chosen !== undefined) {
          if (chosen.ends === 0) cancelled.add(chosen);
          link.cancel(chosen.stream);
        } else if (step.kind === 'frame' && chosen !== undefined) {
          socket.emit('data', encodeFrame(step.type, chosen.stream, step.payload));
        } else if (step.kind === 'stray') {
          socket.emit('data', encodeFrame(step.type, step.stream, step.payload));
        } else if (step.kind === 'raw') {
          socket.emit('data', step.chunk);
        }
        expect(link.inFlight).toBeLessThanOrEqual(CONCURRENCY);
      }
      link.failAll({ kind: 'worker-gone', message: 'gone' });
      expect(breaches).toBeLessThanOrEqual(1);
      for (const invocation of invocations) {
        expect(invocation.afterEnd).toBe(0);
        // Whoever cancelled wants to hear nothing more.
        expect(invocation.ends).toBe(cancelled.has(invocation) ? 0 : 1);
      }
      expect(link.inFlight).toBe(0);
      socket.destroy();
    });
    fc.assert(property, effort());
  },
  FUZZ_TIMEOUT_MS,
);

const HEAD = {
  functionName: 'main',
  version: 'v1',
  deployment: 'd',
  file: 'f',
  entry: 'e',
  memoryMib: 128,
  timeoutMs: 60_000,
  initTimeoutMs: 10_000,
  concurrency: CONCURRENCY,
  path: null,
  convention: null,
  event: null,
};
