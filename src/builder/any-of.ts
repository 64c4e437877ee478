/**
 * A pattern for one of these texts, literally. The bundler asks a plugin for each import that its filter takes, and a
 * turn of that takes as long as bundling a small file, so filters name what is meant.
 */
export function anyOf(texts: readonly string[]): string {
  return `(?:${texts.map((text) => RegExp.escape(text)).join('|')})`;
}
