import { Duplex, Readable } from 'node:stream';
import { expect, test } from 'vitest';
import type { DependencyCache } from '../../src/build/dependency-cache.ts';
import { runBuilder } from '../../src/build/run-builder.ts';
import { BUILDER_FRAME } from '../../src/protocol/builder.ts';
import { encodeFrame } from '../../src/protocol/framing.ts';
import { systemClock } from '../../src/std/clock.ts';
import { DEFAULTS, MAXIMA } from './build-harness.ts';

const NO_CACHE: DependencyCache = {
  keys: async () => [],
  open: async () => null,
  write: () => Promise.reject(new Error('there is none')),
  remove: async () => {},
};

test('a builder that asks and never reads the answers is stopped before they fill the memory', async () => {
  let stream = 0;
  let isEnded = false;
  const socket = new Duplex({
    read() {
      const requests = Array.from({ length: 1000 }, () => {
        const target = JSON.stringify({ host: 'evil.example'.padStart(250, 'x'), port: 443 });
        return encodeFrame(BUILDER_FRAME.NET_OPEN, ++stream, target);
      });
      setImmediate(() => isEnded || this.push(Buffer.concat(requests)));
    },
    write() {}, // It is never done.
  });
  const answer = await runBuilder(
    { socket, kill: () => (isEnded = true), exited: new Promise(() => {}) },
    {
      start: { appName: 'demo', defaults: DEFAULTS, maxima: MAXIMA, previous: null },
      openArchive: async () => Readable.from([]),
      timeoutMs: 60_000,
      memoryMib: 512,
      dependencies: {
        appId: 'app-demo',
        registries: [{ url: 'https://npm.example/', address: null }],
        cache: NO_CACHE,
      },
      clock: systemClock,
      report: () => {},
      signal: new AbortController().signal,
    },
  );
  expect(answer).toMatchObject({
    kind: 'failed',
    problems: [{ message: 'The build was stopped: it answered what no build answers' }],
  });
  expect(stream).toBeLessThan(200_000);
});
