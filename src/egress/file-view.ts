import { readFileSync, statSync } from 'node:fs';

interface FileViewOptions<Value> {
  /** Null is for what is no whole file: one that is being written, say. */
  parse: (text: string) => Value | null;
  /** Until there is a file. */
  initial: Value;
  nowMs: () => number;
}

/** How soon a change is seen, and how often the file is looked at. */
const LOOK_AGAIN_MS = 1_000;
/** Nobody's resolv.conf or hosts file is as large; it would hold up everything to read it. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What a file of the machine says now. While it is away, or cannot be understood, what it said last. */
export function createFileView<Value>(
  path: string,
  { parse, initial, nowMs }: FileViewOptions<Value>,
): () => Value {
  let value = initial;
  let version = '';
  let lookedAtMs = -Infinity;

  function look(): void {
    const { mtimeMs, ctimeMs, ino, size } = statSync(path);
    const found = [mtimeMs, ctimeMs, ino, size].join(' ');
    if (found === version || size > MAX_BYTES) return;
    const parsed = parse(readFileSync(path, 'utf8'));
    if (parsed === null) return; // It is read again at the next look.
    value = parsed;
    version = found;
  }

  return () => {
    const now = nowMs();
    if (now - lookedAtMs < LOOK_AGAIN_MS) return value;
    lookedAtMs = now;
    try {
      look();
    } catch {
      // It is being replaced, or descriptors have run out.
    }
    return value;
  };
}
