/** The outer end of a sandbox's channel, and programs whose connections go through it. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { serveChannel } from '../../src/egress/channel.ts';
import { addressData, DNS_TYPE } from '../../src/egress/dns-message.ts';
import { type AppShares, createAppShares } from '../../src/egress/app-shares.ts';
import type { Upstream } from '../../src/egress/upstream.ts';
import { readEgressRules } from '../../src/model/egress-rule.ts';
import { type Clock, systemClock } from '../../src/std/clock.ts';
import { parseIpAddress } from '../../src/std/ip-address.ts';

const OUTGOING = resolve(import.meta.dirname, '../../src/worker/outgoing/outgoing.ts');

interface OuterEndOptions {
  app?: string;
  /** Of all apps that the process has, when there are several. */
  shares?: AppShares;
  clock?: Pick<Clock, 'after'>;
}

/** Knows names from a table alone. */
export function tableOf(names: Record<string, string>): Upstream {
  return async (question) => {
    const known = parseIpAddress(names[question.name] ?? '');
    const isAsked = known !== null && question.type === DNS_TYPE.A;
    const answers = isAsked ? [{ ...question, ttl: 1, data: addressData(known) }] : [];
    const head = { id: 1, isResponse: true, isTruncated: false, code: 0, udpBytes: null };
    return { ...head, question, answers, authority: [] };
  };
}

/** The outer end, on a socket by its path: each connection to it is a sandbox. */
export async function startOuterEnd(
  names: Record<string, string>,
  rules: string[],
  { app = 'app', shares, clock = systemClock }: OuterEndOptions = {},
) {
  const nowMs = (): number => performance.now();
  const all = shares ?? createAppShares({ upstream: tableOf(names), nowMs });
  const folder = await mkdtemp(join(tmpdir(), 'channel-'));
  const server = net.createServer((socket) => {
    const share = all.join(app);
    socket.once('close', () => all.leave(app));
    serveChannel(
      socket,
      { publicAllowed: false, rules: readEgressRules(rules) },
      {
        upstream: share.upstream,
        hosts: () => new Map(),
        ownAddresses: () => new Set(),
        share,
        clock,
      },
    );
  });
  server.listen(join(folder, 'socket'));
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  return { path: join(folder, 'socket'), folder };
}

/**
 * Runs a program whose connections go through the channel; what it prints. `program` is what its threads load first.
 */
export async function run(
  outer: { path: string; folder: string },
  code: string,
  program = '',
): Promise<unknown> {
  const file = join(outer.folder, 'program.mjs');
  await writeFile(
    file,
    `import net from 'node:net';
    const { sendConnectionsThrough } = await import(${JSON.stringify(OUTGOING)});
    sendConnectionsThrough(net.connect(${JSON.stringify(outer.path)}), { closed() {}, warn() {}, program: ${JSON.stringify(program)} });
    const answer = await (async () => { ${code} })();
    process.stdout.write(JSON.stringify(answer));`,
  );
  const { stdout } = await promisify(execFile)(process.execPath, [file], { timeout: 30_000 });
  return JSON.parse(stdout);
}

export async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as net.AddressInfo).port;
}
