/**
 * Names that no public certificate authority issues for, because they are nobody's: RFC 6761 (test, example, invalid,
 * localhost), RFC 6762 (local), RFC 7686 (onion), RFC 8375 (home.arpa), and ICANN's reservation of `internal` (2024).
 */
const RESERVED = [
  'alt',
  'arpa',
  'example',
  'internal',
  'invalid',
  'local',
  'localhost',
  'onion',
  'test',
];

/** Whether a name in lower case could be registered, so that a public authority might issue for it. */
export function isPublicName(name: string): boolean {
  const labels = name.split('.');
  const last = labels.at(-1) ?? '';
  return labels.length > 1 && !RESERVED.includes(last);
}
