import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PlatformError } from '../protocol/errors.ts';
import type { GitPlace, GitRunner } from './git-runner.ts';
import type { GitLimits } from './limits.ts';
import type { ControlPort } from './ports.ts';

interface Deps {
  control: ControlPort;
  git: GitRunner;
  limits: Pick<GitLimits, 'archiveMs' | 'archiveBytes'>;
}

export interface ArchiveRequest {
  place: GitPlace;
  /** Full id of a commit. */
  sha: string;
  ticket: string;
  signal: AbortSignal;
}

/**
 * Streams a commit's files to control as a tar: its source never stands on this machine's disk as files. A tar that
 * is not whole ends as a broken call, never as a short one.
 */
export async function sendArchive(deps: Deps, request: ArchiveRequest): Promise<void> {
  const { place, sha, ticket, signal } = request;
  const args = ['archive', '--format=tar', sha];
  const child = deps.git.start({ place, args, deadlineMs: deps.limits.archiveMs });
  child.stdin.end();
  const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
  const body = new PassThrough();
  const copied = pipeline(
    child.stdout,
    async function* (source: AsyncIterable<Buffer>) {
      yield* capped(source, deps.limits.archiveBytes);
      if ((await exited) !== 0) throw new PlatformError('not-found', `no archive of ${sha}`);
    },
    body,
    { signal },
  );
  const failure = copied.then(
    () => null,
    (error: unknown) => error,
  );
  try {
    await deps.control('archive', { ticket }, { body, signal });
  } catch (error) {
    // The reason for which the stream broke says more than that it did.
    body.destroy();
    const reason = await failure;
    throw reason instanceof PlatformError ? reason : error;
  } finally {
    child.kill('SIGKILL');
  }
}

async function* capped(source: AsyncIterable<Buffer>, maxBytes: number): AsyncIterable<Buffer> {
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > maxBytes) throw new PlatformError('too-large', 'the commit has too many files');
    yield chunk;
  }
}
