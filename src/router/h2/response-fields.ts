/** Heads of responses as HTTP/2 has them: names in lower case, and nothing of the connection (RFC 9113 section 8.2). */

const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Statuses whose answers have no content (RFC 9110 sections 6.4.1 and 15.3.6). */
const WITHOUT_CONTENT = new Set([204, 205, 304]);

export function isWithoutContent(status: number): boolean {
  return WITHOUT_CONTENT.has(status);
}

/** `:status`, then name, value, … of the lines of a whole answer, which have been checked. */
export function fieldsOfLines(status: number, lines: string): string[] {
  const fields = [':status', String(status)];
  for (let at = 0; at < lines.length;) {
    const colon = lines.indexOf(': ', at);
    const end = lines.indexOf('\r\n', colon);
    fields.push(lines.slice(at, colon), lines.slice(colon + 2, end).trim());
    at = end + 2;
  }
  return fields;
}

/** The same of what `writeHead` takes: name, value, … or a record. */
export function fieldsOfHead(
  status: number,
  head: readonly (string | number)[] | Readonly<Record<string, string | number>>,
): string[] {
  const list = Array.isArray(head)
    ? (head as readonly (string | number)[])
    : Object.entries(head).flat();
  const fields = [':status', String(status)];
  for (let at = 0; at + 1 < list.length; at += 2) {
    const name = String(list[at]).toLowerCase();
    if (OF_CONNECTION.has(name)) continue;
    // Of an answer that HTTP/2 ends with its head.
    if (status === 205 && name === 'content-length') continue;
    fields.push(name, String(list[at + 1]).trim());
  }
  return fields;
}
