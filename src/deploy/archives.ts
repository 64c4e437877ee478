import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { PlatformError } from '../protocol/errors.ts';
import { randomName } from '../std/ids.ts';
import type { RepositoryPort } from './ports.ts';

const TICKET_CHARACTERS = 20;

/** Brings together who wants a commit's tar and the call in which the git front delivers it. */
export interface Archives {
  /** The tar of a commit. Ends with an error when the front can't deliver it. */
  open(request: { appId: string; sha: string; pushId: string | null }): Promise<Readable>;
  /** Takes a delivery; resolves when it was read to its end. @throws not-found for an unknown ticket */
  deliver(ticket: string, tar: Readable): Promise<void>;
}

export function createArchives(repository: Pick<RepositoryPort, 'sendArchive'>): Archives {
  const waiting = new Map<string, (tar: Readable) => void>();
  return {
    open(request) {
      const ticket = randomName(TICKET_CHARACTERS);
      return new Promise((resolve, reject) => {
        let delivered: Readable | null = null;
        waiting.set(ticket, (tar) => {
          delivered = tar;
          resolve(tar);
        });
        repository
          .sendArchive({ ...request, ticket })
          // Before the delivery the caller hears of a failure; during it, the reader of the stream does.
          .catch((error: Error) => (delivered === null ? reject(error) : delivered.destroy(error)))
          .finally(() => waiting.delete(ticket));
      });
    },
    async deliver(ticket, tar) {
      const take = waiting.get(ticket);
      if (take === undefined) throw new PlatformError('not-found', 'nobody waits for this archive');
      waiting.delete(ticket);
      take(tar);
      await finished(tar, { writable: false });
    },
  };
}
