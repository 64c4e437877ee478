import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { createArchives } from '../../src/deploy/archives.ts';

const REQUEST = { appId: 'app-1', sha: 'a'.repeat(40), pushId: null };

it('hands the delivery to whoever asked for it', async () => {
  const archives = createArchives({
    sendArchive: ({ ticket }) => archives.deliver(ticket, Readable.from(['tar'])),
  });
  expect(await text(await archives.open(REQUEST))).toBe('tar');
});

it('fails the request when the sender fails before it delivers', async () => {
  const archives = createArchives({
    sendArchive: () => Promise.reject(new Error('no such commit')),
  });
  await expect(archives.open(REQUEST)).rejects.toThrow('no such commit');
});

it('takes each ticket once, and none that it did not give', async () => {
  const tickets: string[] = [];
  const archives = createArchives({
    sendArchive: ({ ticket }) => {
      tickets.push(ticket);
      return archives.deliver(ticket, Readable.from(['tar']));
    },
  });
  (await archives.open(REQUEST)).resume();
  for (const ticket of [...tickets, 'guess']) {
    await expect(archives.deliver(ticket, Readable.from([]))).rejects.toThrow(/nobody waits/);
  }
});
