import { PlatformError } from '../../protocol/errors.ts';
import type { SupervisorHost } from '../process/child-process.ts';

/** The file is small and the supervisor idle; without an answer it has gone, and this process with it. */
const ANSWER_DEADLINE_MS = 30_000;

type Answer = { key: string } | { reason: string };

/** Private keys of certificates by their ids, by way of the supervisor, which has what opens them. */
export function createCertificateKeyClient(
  supervisor: SupervisorHost,
): (certificate: string) => Promise<string> {
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastRequest = 0;

  supervisor.onNotice((notice) => {
    if (notice.type === 'certificate-key' || notice.type === 'certificate-key-failed') {
      settle(notice.request, notice);
    }
  });

  function settle(request: number, answer: Answer): void {
    waiting.get(request)?.(answer);
    waiting.delete(request);
  }

  return (certificate) => {
    const request = ++lastRequest;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(
        () => settle(request, { reason: 'the supervisor does not answer' }),
        ANSWER_DEADLINE_MS,
      );
      waiting.set(request, (answer) => {
        clearTimeout(deadline);
        if ('key' in answer) resolve(answer.key);
        else reject(new PlatformError('unavailable', answer.reason));
      });
      supervisor.send({ type: 'open-certificate', request, certificate });
    });
  };
}
