/**
 * Repositories elsewhere whose pushes are deployed here: what GitHub, GitLab and Gitea tell by signed webhooks is queued
 * in the database, the ref is fetched from the host and pushed to this server as anybody would push it, and the host is
 * told how it ended. It decides nothing about a push; the git front and deploy do. It connects to no host but that of
 * the connection, at an address that was looked at first. Follow a webhook: hooks.ts → worker.ts → fetch-ref.ts →
 * host-api.ts.
 */
export { createConnections, type Connections } from './connections.ts';
export { createHooks, type Hooks } from './hooks.ts';
export { createRefFetcher } from './fetch-ref.ts';
export { createHostClient } from './host-client.ts';
export { createPushTickets, type PushTickets } from './push-tickets.ts';
export { createDeliveryWorker } from './worker.ts';
