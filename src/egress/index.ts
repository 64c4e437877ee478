/**
 * The way of functions to other hosts, from its outer end: answers their DNS, so that no name leads them where they
 * may not connect to. It decides by the rules that the supervisor tells it of each sandbox, and never has more power
 * over the network than any unprivileged process. Sandboxes with a network of their own are held by the packet filter
 * (src/network), which this stage only asks to open an address that a rule names; those
 * without one have their connections made here (channel.ts). Read answer-query.ts first.
 */
export { type AnswerDeps, answerQuery } from './answer-query.ts';
export { serveChannel } from './channel.ts';
export { startDnsServer } from './dns-server.ts';
export { createFileView } from './file-view.ts';
export { readHosts } from './hosts-file.ts';
export { createOpenings } from './openings.ts';
export { createAppShares, type SandboxShare } from './app-shares.ts';
export { createSlots } from './slots.ts';
export { createUpstream, nameServersOf } from './upstream.ts';
