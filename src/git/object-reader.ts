/**
 * Reads objects through one `git cat-file --batch-command`, many requests at a time. Starting git costs
 * milliseconds of a push, so all that is read for one goes through one of these.
 *
 *     → contents <name>\n | info <name>\n
 *     ← <id> <type> <size>\n<content>\n | <id> <type> <size>\n | <name> missing\n      in order
 */
import { PlatformError } from '../protocol/errors.ts';
import type { GitPlace, GitRunner } from './git-runner.ts';

interface GitObject {
  id: string;
  type: string;
  content: Buffer;
}

/** Names are full ids, with `^{…}` at most. */
export interface ObjectReader {
  /** Null for what is missing. @throws too-large above `MAX_CONTENT_BYTES` */
  read(name: string): Promise<GitObject | null>;
  /** The inflated size; 0 for what is missing. */
  sizeOf(name: string): Promise<number>;
}

const DEADLINE_MS = 120_000;
/** Of one commit or tree: far above what people make. */
const MAX_CONTENT_BYTES = 32 * 1024 * 1024;
const NEWLINE = 10;
const HEADER = /^([0-9a-f]{40}) (\w+) (\d+)$/;

/** Gives `use` a reader that lives as long as it runs. */
export async function withObjects<T>(
  git: GitRunner,
  place: GitPlace,
  use: (objects: ObjectReader) => Promise<T>,
): Promise<T> {
  const args = ['cat-file', '--batch-command'];
  const child = git.start({ place, args, deadlineMs: DEADLINE_MS });
  const answers = new Answers();
  child.stdout.on('data', (chunk: Buffer) => answers.push(chunk));
  child.on('close', () => answers.fail());
  const ask = (command: 'contents' | 'info', name: string): Promise<Answer> => {
    const answer = answers.expect(command === 'contents');
    child.stdin.write(`${command} ${name}\n`);
    return answer;
  };
  try {
    return await use({
      read: async (name) => (await ask('contents', name)).object,
      sizeOf: async (name) => (await ask('info', name)).size,
    });
  } finally {
    child.kill('SIGKILL');
  }
}

interface Answer {
  object: GitObject | null;
  size: number;
}

interface Expected {
  hasContent: boolean;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

/** Hands git's answers, in their order, to those who asked. */
class Answers {
  readonly #expected: Expected[] = [];
  #chunks: Buffer[] = [];
  #size = 0;
  /** Bytes without which the next answer can't be whole. */
  #needed = 1;
  #failure: Error | null = null;

  expect(hasContent: boolean): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) reject(this.#failure);
      else this.#expected.push({ hasContent, resolve, reject });
    });
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return;
    const bytes = Buffer.concat(this.#chunks);
    let at = 0;
    for (let end = this.#take(bytes, at); end !== null; end = this.#take(bytes, at)) at = end;
    this.#chunks = [bytes.subarray(at)];
    this.#size = bytes.length - at;
  }

  fail(
    error: Error = new PlatformError('internal', 'git cat-file ended before its last answer'),
  ): void {
    this.#failure ??= error;
    for (const { reject } of this.#expected.splice(0)) reject(this.#failure);
  }

  /** Delivers the answer that begins at `at`; returns where the next one does, or null while it is not whole. */
  #take(bytes: Buffer, at: number): number | null {
    this.#needed = bytes.length - at + 1;
    const [expected] = this.#expected;
    const lineEnd = bytes.indexOf(NEWLINE, at);
    if (expected === undefined || lineEnd === -1) return null;
    const header = HEADER.exec(bytes.toString('latin1', at, lineEnd));
    const [, id = '', type = ''] = header ?? [];
    const size = Number(header?.[3] ?? 0);
    const isWithContent = expected.hasContent && header !== null;
    if (isWithContent && size > MAX_CONTENT_BYTES) {
      this.fail(new PlatformError('too-large', `${type} ${id} is too large`));
      return null;
    }
    const start = lineEnd + 1;
    const end = isWithContent ? start + size + 1 : start;
    if (end > bytes.length) {
      this.#needed = end - at;
      return null;
    }
    this.#expected.shift();
    const content = bytes.subarray(start, start + size);
    expected.resolve({ object: isWithContent ? { id, type, content } : null, size });
    return end;
  }
}
