import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../std/atomic-file.ts';

export interface EnvironmentOptions {
  /** A folder of the front's own, for git's configuration. */
  stateDir: string;
  /** This project's hooks/. */
  hooksDir: string;
  hookSocket: string;
  maxPackBytes: number;
}

/** `ulimit -f` counts in these (POSIX, ulimit). */
const FILE_BLOCK_BYTES = 512;
/** Beside a pack's own bytes: its index, and some of the objects that a thin one builds on. */
const FILE_MARGIN_BYTES = 16 * 1024 * 1024;

export type GitEnvironment = Readonly<Record<string, string>>;

/** Writes git's configuration and returns the whole environment that git processes run in. */
export async function prepareGitEnvironment(options: EnvironmentOptions): Promise<GitEnvironment> {
  const configFile = join(options.stateDir, 'gitconfig');
  await mkdir(options.stateDir, { recursive: true });
  await writeFileAtomically(configFile, gitConfig(options));
  return {
    // hooks/engine stands first: it wraps the two services that the engine starts.
    PATH: `${join(options.hooksDir, 'engine')}:/usr/bin:/bin`,
    HOME: '/nonexistent',
    LC_ALL: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: configFile,
    GIT_TERMINAL_PROMPT: '0',
    GITFN_HOOK_SOCKET: options.hookSocket,
    GITFN_MAX_FILE_BLOCKS: String(
      Math.ceil((options.maxPackBytes + FILE_MARGIN_BYTES) / FILE_BLOCK_BYTES),
    ),
  };
}

/**
 * Makes `environment` that of this process. node-git-server starts git with whatever this process has and offers no
 * way to say otherwise, so this is the one place outside config/ that touches process.env, and it only writes. The
 * process is the front's alone.
 */
export function adoptEnvironment(environment: GitEnvironment): void {
  process.env = { ...environment };
}

function gitConfig({ hooksDir, maxPackBytes }: EnvironmentOptions): string {
  return `[init]
  defaultBranch = main
  templateDir =
[core]
  hooksPath = ${quoted(hooksDir)}
  protectNTFS = true
  protectHFS = true
  bigFileThreshold = 16m
  # Mapped pack windows count against the address space that hooks/engine allows.
  packedGitWindowSize = 32m
  packedGitLimit = 256m
  # Asked for on each push, where the only alternate is the repository itself, whose refs git has read already.
  alternateRefsCommand = true
  # An accepted push survives a loss of power: objects and refs.
  fsync = committed,reference
[transfer]
  fsckObjects = true
  hideRefs = refs/internal
[receive]
  maxInputSize = ${maxPackBytes}
  # Packs are kept as they come: thousands of loose files cost more than one pack.
  unpackLimit = 1
  autogc = false
  advertisePushOptions = true
  shallowUpdate = true
  denyDeleteCurrent = refuse
  # What is live is the platform's to say.
  hideRefs = refs/live
[gc]
  auto = 0
[pack]
  threads = 1
  windowMemory = 64m
[protocol]
  allow = never
[submodule]
  recurse = false
[advice]
  detachedHead = false
`;
}

/** A value of git-config(1) in double quotes. */
function quoted(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
