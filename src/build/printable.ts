/**
 * Control characters (an escape sequence can rewrite a terminal's screen or its title), and the bidirectional ones,
 * which show text in another order than it has.
 */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** One line of foreign text, safe to print: tabs become spaces, what controls a terminal is left out. */
export function printable(text: string, maxCharacters: number): string {
  const line = text.replaceAll('\t', '  ').replace(UNPRINTABLE, '');
  return line.length <= maxCharacters ? line : `${line.slice(0, maxCharacters - 1)}…`;
}
