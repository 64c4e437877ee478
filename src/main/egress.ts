/** The egress process: no database, no key, no folder of the platform. Its rules come from the supervisor alone. */
import { isIPv6 } from 'node:net';
import {
  type AnswerDeps,
  answerQuery,
  createAppShares,
  createFileView,
  createOpenings,
  createSlots,
  createUpstream,
  nameServersOf,
  readHosts,
  serveChannel,
  type SandboxShare,
  startDnsServer,
} from '../egress/index.ts';
import type { ChannelTaken, EgressNotice, OpenEgressRequest } from '../protocol/egress.ts';
import { systemClock } from '../std/clock.ts';
import { ownAddresses } from '../std/own-addresses.ts';
import { type RunningChild, startChild, type SupervisorHost } from './process/child-process.ts';
import type { EgressOptions } from './process/start-options.ts';

type EgressRequest = OpenEgressRequest | ChannelTaken;

startChild<EgressOptions, EgressRequest, EgressNotice>(startEgress);

async function startEgress(
  options: EgressOptions,
  host: SupervisorHost<EgressRequest, EgressNotice>,
): Promise<RunningChild> {
  const openings = createOpenings((request) => host.send(request));
  const nowMs = (): number => performance.now();
  const servers = createFileView(options.resolvConf, {
    parse: (text) => {
      const found = nameServersOf(text);
      return found.length > 0 ? found : null;
    },
    initial: [],
    nowMs,
  });
  const hosts = createFileView<ReadonlyMap<string, string[]>>(options.hostsFile, {
    parse: readHosts,
    initial: new Map(),
    nowMs,
  });
  ownAddresses(); // While there are descriptors: later it answers in any case.
  const upstream = createUpstream(servers);
  const shares = createAppShares({ upstream, nowMs });
  const slots = createSlots(shares);
  const depsOf = (share: SandboxShare): AnswerDeps => ({
    upstream: share.upstream,
    hosts,
    ownAddresses,
  });
  host.onNotice((notice, channel) => {
    if (notice.type === 'slot-opened') slots.open(notice.app, notice.sources, notice);
    else if (notice.type === 'slot-closed') slots.close(notice.sources);
    else if (notice.type !== 'slot-channel') openings.receive(notice);
    else if (channel !== undefined) {
      const share = shares.join(notice.app);
      channel.once('close', () => shares.leave(notice.app));
      serveChannel(channel, notice, { ...depsOf(share), share, clock: systemClock });
      host.send({ type: 'channel-taken', slot: notice.slot });
    }
  });
  const server = await startDnsServer(
    {
      slots,
      resolve: (slot) => (question) =>
        answerQuery(question, slot.policy, {
          ...depsOf(slot.share),
          open: (address, port, seconds) => {
            const source = slot.sources.find((own) => isIPv6(own) === isIPv6(address));
            if (source === undefined) return Promise.resolve(false);
            return openings.open({ source, address, port, seconds });
          },
        }),
    },
    { addresses: options.listen, port: options.port },
  );
  return { close: async () => server.close() };
}
