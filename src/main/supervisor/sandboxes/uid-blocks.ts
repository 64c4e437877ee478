/**
 * Unprivileged uids for one instance of the platform: a block of 1,024 that no user of this machine has and no
 * other instance holds. Every process that parses input from outside runs under one of its own.
 */
import { mkdirSync } from 'node:fs';
import type { SlotUids } from '../../../sandbox/index.ts';
import type { FileLock } from '../machine/file-lock.ts';

/** Also the gid of the process; socket folders are opened to single peers by it. */
export interface UidBlock {
  readonly control: number;
  readonly git: number;
  readonly data: number;
  readonly postgres: number;
  readonly egress: number;
  readonly slots: SlotUids;
}

const FIRST_UID = 40_000;
const BLOCK_SIZE = 1_024;
/** Containers often map 65,536 ids; 65,534 is nobody's. */
const END_UID = 65_534;
const PLATFORM_UIDS = 5;

/** First uids of the blocks that may be taken, in the order in which to try them. */
export function candidateBlocks(
  passwd: string,
  subuid: string,
  preferred: number | null,
): number[] {
  const taken = [...userRanges(passwd), ...subordinateRanges(subuid)];
  const blocks: number[] = [];
  for (let first = FIRST_UID; first + BLOCK_SIZE <= END_UID; first += BLOCK_SIZE) {
    const isFree = taken.every(([start, end]) => end < first || start >= first + BLOCK_SIZE);
    if (isFree) blocks.push(first);
  }
  // The block of last time owns the data folder's files already.
  if (preferred !== null && blocks.includes(preferred)) {
    return [preferred, ...blocks.filter((first) => first !== preferred)];
  }
  return blocks;
}

type Range = [start: number, end: number];

function userRanges(passwd: string): Range[] {
  const uids = passwd.split('\n').map((line) => Number(line.split(':')[2] ?? Number.NaN));
  return uids.filter((uid) => !Number.isNaN(uid)).map((uid) => [uid, uid]);
}

/** Lines of /etc/subuid: `user:first:count` (man 5 subuid). */
function subordinateRanges(subuid: string): Range[] {
  const ranges: Range[] = [];
  for (const line of subuid.split('\n')) {
    const [, start, count] = line.split(':').map(Number);
    if (start !== undefined && count) ranges.push([start, start + count - 1]);
  }
  return ranges;
}

interface LeaseOptions {
  candidates: number[];
  /** Shared by all instances on this machine. */
  lockFolder: string;
  tryLock: (path: string) => FileLock | null;
}

/** Takes the first block that no other instance holds; it is given back when this process ends. */
export function leaseUidBlock(options: LeaseOptions): UidBlock | null {
  mkdirSync(options.lockFolder, { recursive: true, mode: 0o700 });
  for (const first of options.candidates) {
    if (options.tryLock(`${options.lockFolder}/${first}.lock`) !== null) return uidBlock(first);
  }
  return null;
}

/** The layout of a block. */
export function uidBlock(first: number): UidBlock {
  const slotUids = Array.from(
    { length: BLOCK_SIZE - PLATFORM_UIDS },
    (_, index) => first + PLATFORM_UIDS + index,
  );
  return {
    control: first,
    git: first + 1,
    data: first + 2,
    postgres: first + 3,
    egress: first + 4,
    slots: {
      lease: () => slotUids.shift() ?? null,
      // To the end of the line: the longer a uid rests, the less a mistake with it can reach.
      release: (uid) => void slotUids.push(uid),
    },
  };
}
