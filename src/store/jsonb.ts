/** A value for a column of type jsonb, which takes no half of a surrogate pair: each becomes U+FFFD, as in text. */
export function jsonb(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'string' ? part.toWellFormed() : part,
  );
}
