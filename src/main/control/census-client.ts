import { PlatformError } from '../../protocol/errors.ts';
import type { SupervisorNotice } from '../../protocol/supervisor.ts';
import type { SupervisorHost } from '../process/child-process.ts';

export type HeldSandboxes = Extract<SupervisorNotice, { type: 'sandboxes' }>;

const ANSWER_DEADLINE_MS = 5_000;

/** Asks the supervisor which sandboxes there are. */
export function createCensusClient(supervisor: SupervisorHost): () => Promise<HeldSandboxes> {
  const waiting = new Map<number, (answer: HeldSandboxes) => void>();
  let lastRequest = 0;
  supervisor.onNotice((notice) => {
    if (notice.type === 'sandboxes') waiting.get(notice.request)?.(notice);
  });
  return () => {
    const request = ++lastRequest;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        waiting.delete(request);
        reject(new PlatformError('unavailable', 'the supervisor does not answer'));
      }, ANSWER_DEADLINE_MS);
      waiting.set(request, (answer) => {
        clearTimeout(deadline);
        waiting.delete(request);
        resolve(answer);
      });
      supervisor.send({ type: 'list-sandboxes', request });
    });
  };
}
