/**
 * The control API: REST over the platform's nouns, one folder each with schema.ts, handlers.ts and present.ts. It
 * authenticates every request with a bearer token, decides nothing about permissions itself (access does) and holds
 * no state. Read next: server.ts, then apps/handlers.ts.
 */
export type { CertificatesForApi } from './ports.ts';
export { createApi } from './server.ts';
export type { MetricsForApi } from './ports.ts';
