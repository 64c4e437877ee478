import { refProblem, ZERO_OID } from '../model/ref.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { CommitInfo, NewCommit, WrittenFile } from '../protocol/git-front.ts';
import { KeyedMutex } from '../std/mutex.ts';
import { readCommit } from './commits.ts';
import type { GitPlace, GitRunner } from './git-runner.ts';
import { withObjects } from './object-reader.ts';

/** Commits that nobody pushed: what the API is given is written into the repository as a push would have brought it. */
export interface WrittenCommits {
  /** Writes the commit and moves no branch: what it refers to is there, and nobody sees it. */
  write(repository: string, commit: NewCommit): Promise<CommitInfo>;
  /** False when the branch is not at `expected` any more; null stands for none. */
  moveBranch(
    repository: string,
    move: { ref: string; sha: string; expected: string | null },
  ): Promise<boolean>;
  /** What a branch has at these paths; null for a branch that there is not. */
  readFiles(
    repository: string,
    request: { ref: string; paths: readonly string[] },
  ): Promise<{ sha: string; contents: (string | null)[] } | null>;
}

const DEADLINE_MS = 30_000;
const FULL_SHA = /^[0-9a-f]{40}$/;
/** git fast-import gives its commits to a branch. This one is hidden, and keeps the last of them. */
const SCRATCH_REF = 'refs/internal/written';
const MAX_LINE_CHARACTERS = 200;
/** Of one file that is read to be changed. */
const MAX_CONTENT_BYTES = 2 * 1024 * 1024;
const MAX_FILES = 10;
const MAX_PATH_BYTES = 1024;
/** Names the commit within one import. */
const COMMIT_MARK = ':1';

export function createWrittenCommits(git: GitRunner): WrittenCommits {
  /** One at a time in each repository: they share the branch. */
  const turns = new KeyedMutex();

  async function run(place: GitPlace, args: string[], input: string): Promise<string> {
    const command = { place, args, input, deadlineMs: DEADLINE_MS };
    const { code, output } = await git.run({ ...command, maxOutputBytes: MAX_CONTENT_BYTES });
    if (code === 0) return output.toString();
    throw new PlatformError('internal', `git ${args[0]} failed`);
  }

  return {
    async write(repository, commit) {
      const place = { repository, quarantine: null };
      const args = ['fast-import', '--quiet', '--force', '--done'];
      const input = importStream(commit);
      const sha = (await turns.run(repository, () => run(place, args, input))).trim();
      const written = await withObjects(git, place, (objects) => readCommit(objects, sha));
      if (written !== null) return written;
      throw new PlatformError('internal', 'git has not written the commit');
    },

    async moveBranch(repository, { ref, sha, expected }) {
      const isSound = refProblem(ref) === null && [sha, expected ?? sha].every(isFullSha);
      if (!isSound) throw new PlatformError('bad-request', 'not a move of a branch');
      const { code } = await git.run({
        place: { repository, quarantine: null },
        args: ['update-ref', '--stdin', '-z'],
        input: `update ${ref}\0${sha}\0${expected ?? ZERO_OID}\0`,
        deadlineMs: DEADLINE_MS,
        maxOutputBytes: 0,
      });
      return code === 0;
    },

    async readFiles(repository, { ref, paths }) {
      if (refProblem(ref) !== null || !paths.every(isSoundPath) || paths.length > MAX_FILES) {
        throw new PlatformError('bad-request', 'not files of a branch');
      }
      const place = { repository, quarantine: null };
      const refs = await run(place, ['for-each-ref', '--format=%(objectname) %(refname)', ref], '');
      const line = refs.split('\n').find((one) => one.endsWith(` ${ref}`));
      if (line === undefined) return null;
      const sha = line.slice(0, line.indexOf(' '));
      const contents = await withObjects(git, place, async (objects) => {
        const found: (string | null)[] = [];
        for (const path of paths) {
          const object = await objects.read(`${sha}:${path}`);
          const isFile = object?.type === 'blob' && object.content.length <= MAX_CONTENT_BYTES;
          found.push(isFile ? object.content.toString('utf8') : null);
        }
        return found;
      });
      return { sha, contents };
    },
  };
}

/**
 * The input of git fast-import: one commit on its parent, of which the files that are named are replaced.
 * @throws PlatformError bad-request for what the stream could not say
 */
function importStream({ parent, author, message, at, files }: NewCommit): string {
  const isSound =
    (parent === null || isFullSha(parent)) &&
    files.length <= MAX_FILES &&
    files.every(({ path }) => isSoundPath(path));
  if (!isSound) throw new PlatformError('bad-request', 'not a commit');
  const who = `${identity(author.name)} <${identity(author.mail)}> ${Math.floor(at / 1000)} +0000`;
  return [
    `commit ${SCRATCH_REF}`,
    `mark ${COMMIT_MARK}`,
    `author ${who}`,
    `committer ${who}`,
    data(message),
    // Without one it has no ancestor, whatever the scratch branch had before.
    ...(parent === null ? [] : [`from ${parent}`]),
    ...files.map(fileLines),
    '',
    `get-mark ${COMMIT_MARK}`,
    'done',
    '',
  ].join('\n');
}

function fileLines({ path, content }: WrittenFile): string {
  const quoted = `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return `M 100644 inline ${quoted}\n${data(content)}`;
}

function data(text: string): string {
  return `data ${Buffer.byteLength(text)}\n${text}`;
}

/** A name without what ends it in a commit's line. */
function identity(text: string): string {
  const clean = text.replaceAll(/[<>\p{Cc}\p{Cs}]/gu, ' ').trim();
  return clean.slice(0, MAX_LINE_CHARACTERS) || 'unknown';
}

function isFullSha(text: string): boolean {
  return FULL_SHA.test(text);
}

/** Relative, and nothing that git would refuse in a tree or `cat-file --batch-command` would read as two lines. */
function isSoundPath(path: string): boolean {
  const parts = path.split('/');
  return (
    Buffer.byteLength(path) <= MAX_PATH_BYTES &&
    !/[\p{Cc}\p{Cs}]/u.test(path) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..') &&
    !parts.some((part) => part.toLowerCase() === '.git')
  );
}
