import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildProblem } from '../../protocol/builder.ts';
import { codeFrame } from '../../protocol/code-frame.ts';

interface Details {
  hint?: string;
  /** Shown below the message. */
  lines?: string[];
}

/** A problem that is nowhere in particular. */
export function problem(message: string, { hint, lines = [] }: Details = {}): BuildProblem {
  return { message, at: null, frame: lines, ...(hint !== undefined && { hint }) };
}

/** A problem in a file of the repository, at the first line that `find` accepts. */
export function problemInFile(
  root: string,
  file: string,
  { find, message, hint }: { find: (line: string) => boolean; message: string; hint?: string },
): BuildProblem {
  const source = readFileSync(join(root, file), 'utf8');
  const index = source.split('\n').findIndex(find);
  if (index === -1) return problem(`${file}: ${message}`, hint === undefined ? {} : { hint });
  const line = source.split('\n')[index] ?? '';
  const place = { line: index + 1, column: line.search(/\S/) + 1 };
  return {
    message,
    at: { file, ...place },
    frame: codeFrame(source, place),
    ...(hint !== undefined && { hint }),
  };
}
