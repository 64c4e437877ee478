import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyReply } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import { createLogReader } from '../../src/api/logs/log-reader.ts';
import { createLogStreams } from '../../src/api/logs/log-stream.ts';
import type { ApiDeps } from '../../src/api/ports.ts';
import type { App } from '../../src/store/apps.ts';
import { createLogFollowers } from '../../src/telemetry/index.ts';
import { eventually } from '../support/eventually.ts';

const APP = { id: 'app-1', name: 'hello' } as App;

/** Serves streams from a database that answers when it is told to. */
async function startStreams(before: () => Promise<void>) {
  const logFollowers = createLogFollowers(() => {});
  const answering = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  let asked = 0;
  const db = {
    query: async () => {
      asked++;
      await answering.promise;
      return { rows: [], rowCount: 0 };
    },
  };
  const onBug = (error: unknown): void => expect.fail(String(error));
  const deps = { db, logFollowers, onBug } as unknown as ApiDeps;
  const streams = createLogStreams(deps, createLogReader(deps.db));
  const opened = Promise.withResolvers<void>();
  const server = http.createServer((_request, raw) => {
    raw.on('close', () => gone.resolve());
    const reply = { raw, hijack: () => {} } as unknown as FastifyReply;
    const watch = () => () => {};
    const request = { app: APP, filter: {}, after: null, limit: 1, watch };
    before()
      .then(() => streams.open(reply, { ...request, format: 'lines' }))
      .then(opened.resolve, opened.reject);
  });
  server.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = http.get({ host: '127.0.0.1', port });
  client.on('error', () => {}); // It is the one that goes.
  return {
    client,
    answer: () => answering.resolve(),
    asked: () => asked,
    gone: gone.promise,
    opened: opened.promise,
    followed: () => logFollowers.appNames(),
  };
}

it('a client that goes while its stream is prepared takes no place among those who follow', async () => {
  const streams = await startStreams(async () => {});
  await eventually(() => streams.asked() > 0);
  streams.client.destroy();
  await streams.gone;
  streams.answer();
  await streams.opened;
  await eventually(() => expect(streams.followed()).toEqual([]));
});

it('neither does one that has gone before that', async () => {
  const arrived = Promise.withResolvers<void>();
  const allowed = Promise.withResolvers<void>();
  const streams = await startStreams(() => {
    arrived.resolve();
    return allowed.promise;
  });
  await arrived.promise;
  streams.client.destroy();
  await streams.gone;
  allowed.resolve();
  streams.answer();
  await streams.opened;
  await eventually(() => expect(streams.followed()).toEqual([]));
});
