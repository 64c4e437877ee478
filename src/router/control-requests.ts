import type { Socket } from 'node:net';
import type { Sockets } from '../main/process/start-options.ts';
import type { ProtectionStatuses } from '../protocol/protections.ts';
import { controlAwayAnswer, gitAwayAnswer, sendAnswer } from './answers.ts';
import type { Client } from './client.ts';
import { type Probed, readReadiness } from './health.ts';
import type { Peer } from './peer.ts';
import type { RequestHead } from './request-head.ts';
import { isGitTarget } from './target-path.ts';
import { askerHeaders, forwardToUpstream } from './upstream.ts';

/** What the control host answers: how the platform is, and what git's front and the API answer behind it. */
export type ControlRequests = (client: Client, head: RequestHead) => void;

interface Deps {
  peerOf: (socket: Socket, head: RequestHead) => Peer;
  /** Of an answer over HTTPS. */
  secureHeaders: (socket: Socket, head: RequestHead) => Record<string, string>;
  /** That requests are routed by now. */
  generation: () => number;
}

interface Options {
  sockets: Pick<Sockets, 'controlApi' | 'gitHttp'>;
  protections: ProtectionStatuses;
  others: readonly Probed[];
}

/**
 * What every answer tells browsers, over HTTP as well: it is data and no page, so that nothing of it runs, is shown in a
 * frame, is taken for a script or a style by its looks, or tells other sites its address. Pages of the platform say what
 * they need in place of the first.
 */
const CONTROL_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

export function createControlRequests(
  { peerOf, secureHeaders, generation }: Deps,
  { sockets, protections, others }: Options,
): ControlRequests {
  const control = { socketPath: sockets.controlApi, name: 'control', away: controlAwayAnswer };
  const git = { socketPath: sockets.gitHttp, name: 'git', away: gitAwayAnswer };

  async function sendReadiness({ request, response }: Client, peer: Peer): Promise<void> {
    const asker = askerHeaders(request, peer);
    const readiness = await readReadiness(generation(), { control, git, others }, asker);
    sendAnswer(request, response, {
      status: 200,
      body: `${JSON.stringify({ ...readiness, protections })}\n`,
      headers: { 'content-type': 'application/json' },
    });
  }

  return (client, head) => {
    const { socket, target, request, response } = client;
    const headers = { ...CONTROL_HEADERS, ...secureHeaders(socket, head) };
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const peer = peerOf(socket, head);
    if (target === '/healthz') sendAnswer(request, response, { status: 200, body: 'ok\n' });
    else if (target === '/readyz') void sendReadiness(client, peer);
    else forwardToUpstream({ request, response, peer }, isGitTarget(target) ? git : control);
  };
}
