/** A control sequence of a terminal (ECMA-48), or an operating system command with its text. */
const SEQUENCES = /(?!\t)\p{Cc}(?:\[[0-?]*[ -/]*[@-~]|\][^\p{Cc}]*)/gu;
/** What is left of control characters, and what turns the direction of writing or separates lines. */
const UNPRINTABLE = /(?!\t)[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

/** Text that a terminal shows and does not obey (CVE-2024-52005). Tabs stay. */
export function printable(text: string): string {
  return text.replace(SEQUENCES, '').replace(UNPRINTABLE, '');
}
