/**
 * A reader of HTTP/1.1 requests that takes nothing but what RFC 9112 and RFC 9110 have a sender send, written apart from
 * the platform: what it does not take, nobody behind the door may see.
 */
export interface StrictRequest {
  method: string;
  target: string;
  /** Names in lower case. */
  headers: [name: string, value: string][];
  body: Buffer;
}

export interface StrictReading {
  /** Those that came whole, in order. */
  requests: StrictRequest[];
  /** What stands behind them: nothing, the beginning of a request, or what is none. */
  end: 'clean' | 'begun' | 'broken';
}

// Words of the first line may stand apart by more than one space (RFC 9112 section 3).
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) +([\x21-\x7e]+) +HTTP\/1\.([01])$/;
const FIELD =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[\t ]*$/;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,12})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?$/;

type Step<T> = { kind: 'read'; value: T; next: number } | { kind: 'begun' } | { kind: 'broken' };
const BEGUN = { kind: 'begun' } as const;
const BROKEN = { kind: 'broken' } as const;

export function readStrictly(bytes: Buffer): StrictReading {
  const requests: StrictRequest[] = [];
  for (let at = 0; ;) {
    // Empty lines before a request line are ignored (RFC 9112 section 2.2).
    while (bytes.subarray(at, at + 2).equals(Buffer.from('\r\n'))) at += 2;
    if (at === bytes.length) return { requests, end: 'clean' };
    const step = readRequest(bytes, at);
    if (step.kind !== 'read') return { requests, end: step.kind };
    requests.push(step.value);
    at = step.next;
  }
}

function readRequest(bytes: Buffer, from: number): Step<StrictRequest> {
  const line = readLine(bytes, from);
  if (line.kind !== 'read') return line;
  const [, method = '', target = '', minor] = REQUEST_LINE.exec(line.value) ?? [];
  if (method === '') return BROKEN;
  const fields = readFields(bytes, line.next);
  if (fields.kind !== 'read') return fields;
  const headers = fields.value;
  const valuesOf = (wanted: string): string[] =>
    headers.filter(([name]) => name === wanted).map(([, value]) => value);
  const hosts = valuesOf('host').length;
  if (hosts > 1 || (hosts === 0 && minor === '1')) return BROKEN;
  const framing = { lengths: valuesOf('content-length'), codings: valuesOf('transfer-encoding') };
  const body = readBody(bytes, fields.next, { ...framing, isOld: minor === '0' });
  if (body.kind !== 'read') return body;
  return { kind: 'read', value: { method, target, headers, body: body.value }, next: body.next };
}

function readLine(bytes: Buffer, from: number): Step<string> {
  const end = bytes.indexOf('\n', from);
  const line = bytes.toString('latin1', from, end === -1 ? bytes.length : end);
  if (end === -1) return /[\0]|\r[^]/.test(line) ? BROKEN : BEGUN;
  if (!line.endsWith('\r') || line.indexOf('\r') !== line.length - 1) return BROKEN;
  return { kind: 'read', value: line.slice(0, -1), next: end + 1 };
}

function readFields(bytes: Buffer, from: number): Step<[string, string][]> {
  const fields: [string, string][] = [];
  for (let at = from; ;) {
    const line = readLine(bytes, at);
    if (line.kind !== 'read') return line;
    at = line.next;
    if (line.value === '') return { kind: 'read', value: fields, next: at };
    const match = FIELD.exec(line.value);
    if (match === null) return BROKEN;
    fields.push([(match[1] ?? '').toLowerCase(), match[2] ?? '']);
  }
}

function readBody(
  bytes: Buffer,
  from: number,
  framing: { lengths: string[]; codings: string[]; isOld: boolean },
): Step<Buffer> {
  const { lengths, codings, isOld } = framing;
  if (codings.length > 0) {
    const isPlain = codings.length === 1 && codings[0]?.toLowerCase() === 'chunked';
    return isPlain && lengths.length === 0 && !isOld ? readChunks(bytes, from) : BROKEN;
  }
  if (lengths.length === 0) return { kind: 'read', value: Buffer.alloc(0), next: from };
  if (lengths.length > 1 || !/^\d{1,15}$/.test(lengths[0] ?? '')) return BROKEN;
  const next = from + Number(lengths[0]);
  if (next > bytes.length) return BEGUN;
  return { kind: 'read', value: bytes.subarray(from, next), next };
}

function readChunks(bytes: Buffer, from: number): Step<Buffer> {
  const chunks: Buffer[] = [];
  for (let at = from; ;) {
    const line = readLine(bytes, at);
    if (line.kind !== 'read') return line;
    const [, digits] = CHUNK_LINE.exec(line.value) ?? [];
    if (digits === undefined) return BROKEN;
    const size = Number.parseInt(digits, 16);
    if (size === 0) {
      const trailers = readFields(bytes, line.next);
      return trailers.kind === 'read' ? { ...trailers, value: Buffer.concat(chunks) } : trailers;
    }
    const end = line.next + size;
    const border = bytes.toString('latin1', end, end + 2);
    if (!'\r\n'.startsWith(border)) return BROKEN;
    if (border.length < 2) return BEGUN;
    chunks.push(bytes.subarray(line.next, end));
    at = end + 2;
  }
}
