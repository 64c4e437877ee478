import { PlatformError } from '../../protocol/errors.ts';
import type { MasterKeyFile } from '../../secrets/rotation.ts';
import type { SupervisorHost } from '../process/child-process.ts';

/** The file is small and the supervisor idle; without an answer it has gone, and this process with it. */
const ANSWER_DEADLINE_MS = 30_000;

/** The master key's file, by way of the supervisor, which alone writes it. */
export function createMasterKeyClient(supervisor: SupervisorHost): MasterKeyFile {
  const waiting = new Map<number, (answer: Buffer[] | PlatformError) => void>();
  let lastRequest = 0;

  supervisor.onNotice((notice) => {
    if (notice.type === 'master-keys') {
      settle(
        notice.request,
        notice.keys.map((key) => Buffer.from(key, 'base64')),
      );
    } else if (notice.type === 'master-keys-failed') {
      settle(notice.request, failed(notice.reason));
    }
  });

  function settle(request: number, answer: Buffer[] | PlatformError): void {
    waiting.get(request)?.(answer);
    waiting.delete(request);
  }

  function ask(type: 'add-master-key' | 'retire-master-keys'): Promise<Buffer[]> {
    const request = ++lastRequest;
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(
        () => settle(request, failed('the supervisor does not answer')),
        ANSWER_DEADLINE_MS,
      );
      waiting.set(request, (answer) => {
        clearTimeout(deadline);
        if (answer instanceof PlatformError) reject(answer);
        else resolve(answer);
      });
      supervisor.send({ type, request });
    });
  }

  return { add: () => ask('add-master-key'), retireOld: () => ask('retire-master-keys') };
}

function failed(reason: string): PlatformError {
  return new PlatformError('master-key', `the master key could not be replaced: ${reason}`, {
    hint: 'everything goes on with the keys that there are; look at the server log, then try again',
  });
}
