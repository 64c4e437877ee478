/** What api.github.com and its webhooks were recorded to say: @octokit/fixtures and @octokit/webhooks-examples (MIT). */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface RecordedCall {
  method: string;
  path: string;
  body: Record<string, unknown>;
  status: number;
  response: Record<string, unknown>;
  headers: Record<string, string>;
}

export type Payload = Record<string, unknown>;

interface RecordedEvent {
  name: string;
  examples: Payload[];
}

const require = createRequire(import.meta.url);
const SCENARIOS = join(dirname(require.resolve('@octokit/fixtures/package.json')), 'scenarios');

export function recordedCalls(scenario: string): RecordedCall[] {
  const path = join(SCENARIOS, 'api.github.com', scenario, 'normalized-fixture.json');
  return require(path) as RecordedCall[];
}

export function recordedEvents(name: string): Payload[] {
  const events = require('@octokit/webhooks-examples') as RecordedEvent[];
  return events.find((event) => event.name === name)?.examples ?? [];
}

/** As a comment's own answer: an event carries the comment whole. */
export function recordedComment(): Payload {
  const [event] = recordedEvents('issue_comment');
  return event?.['comment'] as Payload;
}

/** How the host answers who sets a status. */
export function recordedStatus(): RecordedCall {
  const posted = recordedCalls('create-status').find(({ method }) => method === 'post');
  if (posted === undefined) throw new Error('no status was recorded');
  return posted;
}
