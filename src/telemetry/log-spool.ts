/**
 * Batches that wait on disk while control is away: lines `<crc32> <JSON>` in segments that are named in their order,
 * so that whoever comes after a crash sends what its predecessor could not. A torn line, the last of a process that
 * was killed, is skipped. Nothing is synced: a power loss may take the last seconds.
 */
import { appendFile, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { LogBatch } from '../protocol/logs.ts';

const MAX_SPOOL_BYTES = 64 * 1024 * 1024;
const SEGMENT_BYTES = 4 * 1024 * 1024;
/** The place of the data process that wrote it stands in it, but for the first. */
const SEGMENT_NAME = /^\d{15}-\d{6}(?:\.(\d{1,2}))?\.log$/;
const CRC_DIGITS = 8;
/** After so many in a row a segment is left where it is, for the next process: it must not hold up all others for ever. */
const MAX_READ_ATTEMPTS = 50;

interface Segment {
  path: string;
  bytes: number;
}

export interface LogSpool {
  /**
   * The oldest batch that is kept; null when there is none. Rejects when it cannot be read now, for want of a descriptor
   * for instance: it is kept.
   */
  first(): Promise<LogBatch | null>;
  /** Forgets what `first` gave. */
  removeFirst(): Promise<void>;
  /** False when there is no room for it, here or on the disk. */
  append(batch: LogBatch): Promise<boolean>;
}

interface SpoolOptions {
  /** Of all data processes together, which share the folder. */
  maxBytes?: number;
  /** This one among them, from 0 on. The first also sends what those have left that are not started any more. */
  place?: number;
  processes?: number;
}

/** Calls must not overlap. */
export async function openLogSpool(
  folder: string,
  now: () => number,
  { maxBytes: totalBytes = MAX_SPOOL_BYTES, place = 0, processes = 1 }: SpoolOptions = {},
): Promise<LogSpool> {
  await mkdir(folder, { recursive: true });
  const segments = await findSegments(folder, { place, processes });
  const maxBytes = totalBytes / processes;
  const ending = place === 0 ? '.log' : `.${place}.log`;
  let reading: LogBatch[] = [];
  let made = 0;
  /** The last segment takes no more: it is being read, or a write to it may have been cut off. */
  let isLastClosed = true;
  let failedReads = 0;

  function usedBytes(): number {
    return segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  function segmentFor(bytes: number): Segment {
    const last = segments.at(-1);
    if (last !== undefined && !isLastClosed && last.bytes + bytes <= SEGMENT_BYTES) return last;
    const name = `${String(now()).padStart(15, '0')}-${String(++made).padStart(6, '0')}${ending}`;
    const segment = { path: join(folder, name), bytes: 0 };
    segments.push(segment);
    isLastClosed = false;
    return segment;
  }

  async function removeOldestSegment(): Promise<void> {
    const [oldest] = segments;
    if (oldest === undefined) return;
    // A segment that cannot be removed is sent again after a restart, and stored once.
    await rm(oldest.path, { force: true }).catch(() => {});
    segments.shift();
  }

  async function readFirst({ path }: Segment): Promise<LogBatch[]> {
    try {
      const batches = await readSegment(path);
      failedReads = 0;
      return batches;
    } catch (error) {
      failedReads += 1;
      if (failedReads >= MAX_READ_ATTEMPTS) {
        failedReads = 0;
        segments.shift();
      }
      throw error;
    }
  }

  return {
    async first() {
      while (reading.length === 0 && segments[0] !== undefined) {
        if (segments.length === 1) isLastClosed = true;
        reading = await readFirst(segments[0]);
        if (reading.length === 0) await removeOldestSegment();
      }
      return reading[0] ?? null;
    },
    async removeFirst() {
      reading.shift();
      if (reading.length === 0) await removeOldestSegment();
    },
    async append(batch) {
      const json = Buffer.from(JSON.stringify(batch));
      const line = Buffer.concat([Buffer.from(`${checksum(json)} `), json, Buffer.from('\n')]);
      if (usedBytes() + line.length > maxBytes) return false;
      const segment = segmentFor(line.length);
      segment.bytes += line.length;
      try {
        await appendFile(segment.path, line, { mode: 0o600 });
        return true;
      } catch {
        isLastClosed = true;
        return false;
      }
    },
  };
}

async function findSegments(
  folder: string,
  { place, processes }: { place: number; processes: number },
): Promise<Segment[]> {
  const names = (await readdir(folder)).filter((name) => {
    const found = SEGMENT_NAME.exec(name);
    if (found === null) return false;
    const writer = Number(found[1] ?? 0);
    return (writer < processes ? writer : 0) === place;
  });
  names.sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return { path, bytes: (await stat(path)).size };
    }),
  );
}

/** All its whole lines; none of a segment that somebody has removed. @throws when it cannot be read now */
async function readSegment(path: string): Promise<LogBatch[]> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  });
  const batches: LogBatch[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at);
    if (end === -1) break;
    const json = bytes.subarray(at + CRC_DIGITS + 1, end);
    const isWhole = bytes.toString('latin1', at, at + CRC_DIGITS) === checksum(json);
    if (isWhole) batches.push(JSON.parse(json.toString()) as LogBatch);
    at = end + 1;
  }
  return batches;
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(CRC_DIGITS, '0');
}
