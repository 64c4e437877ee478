import { PlatformError } from '../../../protocol/errors.ts';
import { gitFailed, type ScratchRepository } from '../../git/scratch-repository.ts';

export type PushAnswer =
  | { kind: 'pushed' }
  /** The ref holds the commit already. */
  | { kind: 'unchanged' }
  /** The ref has moved since it was read. */
  | { kind: 'overtaken' }
  /** The platform said no; its lines say why. */
  | { kind: 'declined' };

const REMOTE_LINE = /^remote: ?(.*)$/;

/** `git push` of one commit to one ref; the platform's lines as they come. @throws PlatformError */
export async function pushCommit(
  scratch: ScratchRepository,
  { url, sha, ref }: { url: string; sha: string; ref: string },
  onLine: (line: string) => void,
): Promise<PushAnswer> {
  const args = ['push', '--porcelain', '--no-verify', url, `${sha}:${ref}`];
  // Ctrl-C reaches git as well; this process lives on to tidy up and to say what becomes of the push.
  const ignore = (): void => {};
  process.on('SIGINT', ignore);
  try {
    const { code, stdout, stderr } = await scratch.git(args, {
      onErrorLine(line) {
        const text = REMOTE_LINE.exec(line)?.[1];
        if (text !== undefined) onLine(text.trimEnd());
      },
    });
    if (code === null || code > 128) throw interrupted();
    return readAnswer(stdout, ref) ?? fail(args, stderr);
  } finally {
    process.off('SIGINT', ignore);
  }
}

/** A line `<flag> TAB <from>:<to> TAB <summary>` (git-push(1), "Output"); null when git came to none. */
function readAnswer(stdout: string, ref: string): PushAnswer | null {
  const line = stdout.split('\n').find((one) => one.split('\t')[1]?.endsWith(`:${ref}`));
  if (line === undefined) return null;
  const [flag, , summary = ''] = line.split('\t');
  if (flag === '=') return { kind: 'unchanged' };
  if (flag !== '!') return { kind: 'pushed' };
  return { kind: summary.startsWith('[remote rejected]') ? 'declined' : 'overtaken' };
}

function fail(args: string[], stderr: string): never {
  throw gitFailed(args, stderr);
}

function interrupted(): PlatformError {
  return new PlatformError('internal', 'interrupted; what the platform has of the push goes on', {
    hint: 'see it to its end: fn attach   (or end it: fn cancel)',
  });
}
