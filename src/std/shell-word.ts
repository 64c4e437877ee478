/** As a shell takes it whatever is in it, for commands that people are shown. */
export function shellWord(text: string): string {
  return /^[\w/.@+:-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
