/** How figures look wherever a person reads them: in the lines of a push, in the builder's, on the command line. */

const SHORT_SHA_DIGITS = 7;

export function shortSha(sha: string): string {
  return sha.slice(0, SHORT_SHA_DIGITS);
}

/** `1.2 kB`: decimal units, as file managers and browsers have them. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const kilobytes = bytes / 1000;
  return kilobytes < 1000 ? `${kilobytes.toFixed(1)} kB` : `${(kilobytes / 1000).toFixed(1)} MB`;
}
