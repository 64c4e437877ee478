/** The connection to the database breaks between a commit and its answer: nobody knows then whether it was committed. */
import { once } from 'node:events';
import net from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { ask } from '../support/ask.ts';
import { becomesConsistent } from '../support/consistency.ts';
import { createEmptyDatabase, urlOfDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { SETTLED_MS } from './crash-story.ts';
import { startStory, type StartedStory } from './start-story.ts';
import { watchApp } from './watched-app.ts';

interface CuttingProxy {
  port: number;
  /** Lets the next commit through to the server, and nothing of what it answers back. */
  cutNextCommit(): void;
  readonly cuts: number;
}

/** What pg sends for it: the message of a simple query. */
const COMMIT = Buffer.from('Q\0\0\0\x0bCOMMIT\0', 'latin1');

async function openCuttingProxy(socketPath: string): Promise<CuttingProxy> {
  let isArmed = false;
  let cuts = 0;
  const server = net.createServer((client) => {
    const upstream = net.connect(socketPath);
    let isCut = false;
    client.on('data', (chunk: Buffer) => {
      if (isArmed && chunk.includes(COMMIT)) {
        isArmed = false;
        isCut = true;
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (isCut) {
        cuts += 1;
        client.destroy();
        upstream.destroy();
      } else {
        client.write(chunk);
      }
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return {
    port: (server.address() as net.AddressInfo).port,
    cutNextCommit: () => void (isArmed = true),
    get cuts() {
      return cuts;
    },
  };
}

/** A platform whose connections to the database go through the proxy, and an app on it. */
async function startBehindProxy(app: string): Promise<StartedStory & { proxy: CuttingProxy }> {
  const url = new URL(await urlOfDatabase(await createEmptyDatabase()));
  const proxy = await openCuttingProxy(`${url.searchParams.get('host')}/.s.PGSQL.5432`);
  const DATABASE_URL = `postgresql://gitfn@127.0.0.1:${proxy.port}${url.pathname}`;
  return { ...(await startStory(app, { DATABASE_URL })), proxy };
}

it(
  'a release whose commit was not answered goes live all the same',
  { timeout: 240_000 },
  async () => {
    await using started = await startBehindProxy('ambiguous');
    const { platform, failpoints, story, proxy } = started;

    await story.commit();
    const watch = watchApp(platform, story.app);
    await failpoints.arm('release.uncommitted', 'hang');
    const pushing = story.repository.push('main');
    await failpoints.reached('release.uncommitted');
    proxy.cutNextCommit();
    await failpoints.clear();
    const pushed = await pushing;
    expect(proxy.cuts).toBe(1);
    expect(pushed.output).toContain('its release was not confirmed');
    await story.settles(pushed);
    await watch.stop();
    expect(watch.broken).toEqual([]);
    expect(watch.unanswered).toEqual([]);
  },
);

it(
  'a branch whose deletion was not answered is gone all the same',
  { timeout: 240_000 },
  async () => {
    await using started = await startBehindProxy('leaving');
    const { platform, failpoints, story, proxy } = started;
    await failpoints.arm('branch.uncommitted', 'hang');
    await story.repository.push('main:short');
    const deleting = story.repository.push(':short');
    await failpoints.reached('branch.uncommitted');
    proxy.cutNextCommit();
    await failpoints.clear();
    await deleting;
    expect(proxy.cuts).toBe(1);
    await eventually(
      async () => expect((await ask(platform, 'short--leaving')).status).toBe(404),
      SETTLED_MS,
    );
    await becomesConsistent(platform, SETTLED_MS);
  },
);
