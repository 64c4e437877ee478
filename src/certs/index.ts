/**
 * Keeps the certificates that the platform serves HTTPS with: which there shall be (wanted-names.ts), when each is ordered
 * or renewed (schedule.ts), the orders themselves (attempt.ts and order.ts in orders/), and the index by which data serves them
 * (publish-certificates.ts). It never orders anything because of a connection or a request, never waits inside an
 * authority's client (orders/ca-transport.ts says why), and never takes away what is served before there is better. Read keeper.ts
 * first.
 */
export { createAccounts } from './orders/accounts.ts';
export { createBudget } from './budget-keeper.ts';
export { createAgent } from './orders/ca-transport.ts';
export { createCertificatePublisher } from './publish-certificates.ts';
export { createChallengeAnswers } from './challenges/challenge-answers.ts';
export { createDnsChallenges } from './challenges/dns-challenge.ts';
export { createDnsProvider } from './dns/index.ts';
export { createProbes } from './checks/open-probes.ts';
export { createPreCheck } from './checks/pre-check.ts';
export { createCertificateKeeper, type CertificateKeeper, type KeeperEvents } from './keeper.ts';
export { certificateMetrics } from './certificate-metrics.ts';
export { type ShownStatus, withoutAuthority } from './certificate-status.ts';
export { createUploads, type Uploads } from './uploads/uploads.ts';
export { isLasting, withoutUploaded } from './uploads/upload-names.ts';
export { createLocalCertificates, type LocalCertificates } from './local/local-certificates.ts';
export { wantedCertificates } from './wanted-names.ts';
