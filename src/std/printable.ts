/* oxlint-disable no-control-regex -- control characters are what these expressions are about */

/**
 * What a terminal obeys (ECMA-48), in the order of the alternatives: control sequences, strings such as a window's
 * title, and shorter escapes. Each is one character in the 8-bit form or ESC and another.
 */
const SEQUENCES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|(?:\u001b[PX\]^_]|[\u0090\u0098\u009d-\u009f])[^\p{Cc}]*(?:\u0007|\u009c|\u001b\\)?|\u001b[ -/]*[0-~]/gu;
/** What is left of control characters, and what turns the direction of writing or separates lines. */
const UNPRINTABLE = /(?!\t)[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** Foreign text that a terminal shows and does not obey (CVE-2024-52005). Tabs stay. */
export function printable(text: string): string {
  return text.replace(SEQUENCES, '').replace(UNPRINTABLE, '');
}

/** The same as one line of at most so many characters; what is longer ends in `…`, and tabs become spaces. */
export function printableLine(text: string, maxCharacters: number): string {
  const line = printable(text).replaceAll('\t', '  ');
  const shown = line.length <= maxCharacters ? line : `${line.slice(0, maxCharacters - 1)}…`;
  return shown.toWellFormed(); // Half a character is none to a database.
}
