import { isIP } from 'node:net';

// RFC 9110 section 7.2, without user information and percent signs, which no host of ours has.
const HOST = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::(\d{1,5}))?$/;
const MAX_PORT = 65_535;

/** Clients send the same few again and again. */
const MEMO_ENTRIES = 1_024;
const memo = new Map<string, string>();

/** The host of a Host header in lower case, without port and final dot; null when it is none. */
export function hostName(header: string): string | null {
  const known = memo.get(header);
  if (known !== undefined) return known;
  const name = parseHost(header);
  if (name !== null) {
    if (memo.size >= MEMO_ENTRIES) memo.clear();
    memo.set(header, name);
  }
  return name;
}

function parseHost(header: string): string | null {
  const match = HOST.exec(header);
  if (match === null) return null;
  const [, address, name, port] = match;
  if (Number(port ?? 0) > MAX_PORT) return null;
  if (address !== undefined) return isIP(address) === 6 ? address.toLowerCase() : null;
  if (name === undefined || name.startsWith('.') || name.includes('..')) return null;
  const lower = name.toLowerCase();
  return lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
