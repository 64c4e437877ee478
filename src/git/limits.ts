/** Every bound of the git front. Nothing that a client sends, or fails to send, can hold a place for ever. */
export interface GitLimits {
  /** A request body must bring `uploadStallBytes` in each `uploadStallMs`. */
  uploadStallMs: number;
  uploadStallBytes: number;
  /** A client that sends as it makes it, over SSH, may be at work on its pack for so long before its first byte; it holds no place yet. */
  preparationMs: number;
  /** In which a client of a fetch over SSH and git agree on what it lacks; it holds a place meanwhile. */
  negotiationMs: number;
  /** A client that takes no byte for so long is cut off. */
  downloadStallMs: number;
  /** Whole requests, by what they ask for. */
  advertisementMs: number;
  fetchMs: number;
  pushMs: number;
  /** Wants and haves of a fetch, inflated. */
  fetchRequestBytes: number;
  /** The ref updates ahead of a pack. */
  commandListBytes: number;
  /** A compressed body above the first MiB may grow by this factor at most. */
  inflateRatio: number;
  /** Pushes and reads have places apart, so that waiting builds never keep anyone from fetching. */
  pushPlaces: PlaceLimits;
  readPlaces: PlaceLimits;
  ssh: SshLimits;
  /** How long git may take to end by itself after its client went away, and after SIGTERM. */
  graceMs: number;
  /** Control's answer to a hook, builds included. */
  hookMs: number;
  /** A pusher hears something at least this often. */
  heartbeatMs: number;
  archiveMs: number;
  archiveBytes: number;
  /** Commits, trees, files and tags of one push. */
  objects: number;
  /** What one commit may hold. */
  tree: TreeLimits;
}

export interface PlaceLimits {
  overall: number;
  perRepository: number;
  /** Of one token, whatever it asks for: the others' are left to others. */
  perHolder: number;
  queueLength: number;
  queueMs: number;
}

export interface SshLimits {
  /** From connecting to having shown a key that is known here. */
  loginMs: number;
  /** A connection over which nothing is asked for is closed after so long. */
  idleMs: number;
  connections: ConnectionLimits;
  /** Of those, the ones that have not shown a key yet. */
  strangers: ConnectionLimits;
  /** Attempts of one connection to be let in: an agent offers all keys that it has. */
  attempts: number;
  /** What one connection may ask for at a time. */
  sessions: number;
  /** What a client does not read; then it is cut off. */
  unreadBytes: number;
}

export interface ConnectionLimits {
  overall: number;
  /** Of one address, or one network of IPv6. */
  perNetwork: number;
}

export interface TreeLimits {
  entries: number;
  bytes: number;
  pathBytes: number;
  depth: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const SECOND = 1000;
const MINUTE = 60 * SECOND;

export const DEFAULT_LIMITS: GitLimits = {
  uploadStallMs: 30 * SECOND,
  uploadStallBytes: 30 * KIB,
  preparationMs: 15 * MINUTE,
  negotiationMs: MINUTE,
  downloadStallMs: 2 * MINUTE,
  advertisementMs: MINUTE,
  fetchMs: 60 * MINUTE,
  pushMs: 120 * MINUTE,
  fetchRequestBytes: 16 * MIB,
  commandListBytes: MIB,
  inflateRatio: 100,
  pushPlaces: {
    overall: 16,
    perRepository: 6,
    perHolder: 12,
    queueLength: 400,
    queueMs: 2 * MINUTE,
  },
  readPlaces: { overall: 16, perRepository: 8, perHolder: 12, queueLength: 400, queueMs: MINUTE },
  ssh: {
    loginMs: 20 * SECOND,
    idleMs: 5 * MINUTE,
    connections: { overall: 256, perNetwork: 128 },
    strangers: { overall: 96, perNetwork: 32 },
    attempts: 20,
    sessions: 8,
    unreadBytes: 8 * MIB,
  },
  graceMs: 2 * SECOND,
  hookMs: 30 * MINUTE,
  heartbeatMs: 10 * SECOND,
  archiveMs: 5 * MINUTE,
  archiveBytes: 1280 * MIB,
  objects: 1_000_000,
  tree: { entries: 100_000, bytes: 1024 * MIB, pathBytes: 1024, depth: 64 },
};
