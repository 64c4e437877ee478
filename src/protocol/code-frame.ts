/** The few source lines that a `BuildProblem` shows, alike from the builder and from a resolved stack. */

const LINES_AROUND = 2;
const MAX_LINE_CHARACTERS = 120;

/** Where to point; line and column count from 1, the column in UTF-16 units. */
export interface FramePlace {
  line: number;
  column: number;
}

/** `place.line` of `source` with two lines before and after and a caret below it; empty when out of range. */
export function codeFrame(source: string, place: FramePlace): string[] {
  const lines = source.split(/\r\n|\n|\r/);
  // What follows the last newline is no line.
  if (lines.at(-1) === '' && place.line < lines.length) lines.pop();
  if (place.line < 1 || place.line > lines.length) return [];
  const first = Math.max(1, place.line - LINES_AROUND);
  const last = Math.min(lines.length, place.line + LINES_AROUND);
  const width = String(last).length;
  // A minified line is shown around the column that matters, not from its start.
  const shift = Math.max(0, place.column - MAX_LINE_CHARACTERS + LINES_AROUND);
  const frame: string[] = [];
  for (let number = first; number <= last; number++) {
    const text = (lines[number - 1] ?? '').slice(shift, shift + MAX_LINE_CHARACTERS);
    const isPlace = number === place.line;
    frame.push(`${isPlace ? '>' : ' '} ${String(number).padStart(width)} | ${text}`.trimEnd());
    if (isPlace) {
      const before = text.slice(0, place.column - 1 - shift).replace(/[^\t]/g, ' ');
      frame.push(`  ${' '.repeat(width)} | ${before}^`);
    }
  }
  return frame;
}
