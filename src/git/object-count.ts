import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** "PACK", the version, and how many objects follow, each in 4 bytes (gitformat-pack). */
const HEADER_BYTES = 12;
const COUNT_AT = 8;

/** Of a push that is in quarantine: it comes as a pack, which git has read to its end and found to hold what it says. */
export async function objectCount(quarantine: string): Promise<number> {
  const folder = join(quarantine, 'pack');
  let count = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    if (name.endsWith('.pack')) count += await countIn(join(folder, name));
  }
  return count;
}

async function countIn(path: string): Promise<number> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
  return buffer.readUInt32BE(COUNT_AT);
}
