import { readFile } from 'node:fs/promises';
import { writingTo } from '../protocol/full-disk.ts';
import { writeFileAtomically } from '../std/atomic-file.ts';
import type { AuditHead } from './ports.ts';

const FORMAT = /^(\d{1,15}) ([0-9a-f]{64})\n$/;

/** In a file of one line: the sequence, a space, the mac in hex. */
export function createAuditHead(path: string): AuditHead {
  return {
    async read() {
      const [, sequence, mac] = FORMAT.exec(await readIfThere(path)) ?? [];
      if (sequence === undefined || mac === undefined) return null;
      return { sequence: Number(sequence), mac: Buffer.from(mac, 'hex') };
    },
    write: ({ sequence, mac }) =>
      writingTo('audit', () => writeFileAtomically(path, `${sequence} ${mac.toString('hex')}\n`)),
  };
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
