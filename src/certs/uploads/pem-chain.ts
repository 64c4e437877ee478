/** The certificates in a text, as PEM has them (RFC 7468). */
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*?-----END CERTIFICATE-----/g;

/** Leaf, intermediates and perhaps the root. */
export const MAX_CHAIN_LENGTH = 10;

/** Each by itself, in order, whatever stands between them. */
export function certificateBlocks(text: string): string[] {
  return text.match(CERTIFICATE) ?? [];
}
