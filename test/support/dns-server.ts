/** Just enough of DNS (RFC 1035) for a name server of tests. */

/** Name → its addresses; a list of lists is answered in turn, the last for ever. */
export type Zone = Record<string, string[] | string[][]>;

const TYPES: Record<number, 'v4' | 'v6'> = { 1: 'v4', 28: 'v6' };
const TTL_SECONDS = 1;

/** @param asked how often each name was asked for, of each family; changed */
export function answerDns(query: Buffer, zone: Zone, asked: Map<string, number>): Buffer {
  const { name, type, end } = question(query);
  const values = zone[name];
  const family = TYPES[type];
  const addresses =
    values === undefined || family === undefined ? [] : turn(values, `${name} ${family}`, asked);
  const records = addresses
    .filter((address) => address.includes(':') === (family === 'v6'))
    .map((address) => record(type, address));
  const header = Buffer.from(query.subarray(0, 12));
  // An answer, authoritative, with recursion; NXDOMAIN for a name that nobody has.
  header.writeUInt16BE(values === undefined ? 0x8583 : 0x8580, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, query.subarray(12, end), ...records]);
}

function turn(values: string[] | string[][], key: string, asked: Map<string, number>): string[] {
  const count = asked.get(key) ?? 0;
  asked.set(key, count + 1);
  const turns = values.map((value) => (typeof value === 'string' ? null : value));
  const lists = turns.filter((list) => list !== null);
  if (lists.length === 0) return values.filter((value) => typeof value === 'string');
  return lists[Math.min(count, lists.length - 1)] ?? [];
}

function question(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function record(type: number, address: string): Buffer {
  const data = address.includes(':')
    ? bytes6(address)
    : Buffer.from(address.split('.').map(Number));
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // The name of the question.
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(TTL_SECONDS, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function bytes6(address: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted !== null) {
    const [, head = '', a, b, c, d] = dotted;
    const hex = (high = '', low = ''): string => (Number(high) * 256 + Number(low)).toString(16);
    return bytes6(`${head}${hex(a, b)}:${hex(c, d)}`);
  }
  const [left = '', right = ''] = address.split('::');
  const groups = (text: string): string[] => text.split(':').filter(Boolean);
  const zeros = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array.from({ length: zeros }, () => '0'), ...groups(right)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
