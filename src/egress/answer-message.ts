import {
  DNS_CODE,
  DnsFormatError,
  type DnsMessage,
  type DnsQuestion,
  type DnsResponse,
} from './dns-message.ts';
import { readDnsMessage } from './read-dns.ts';
import { encodeDnsResponse } from './write-dns.ts';

/** What a sandbox is told of a name. */
export type Resolve = (
  question: DnsQuestion,
) => Promise<Pick<DnsResponse, 'code' | 'answers' | 'authority' | 'reason'>>;

/** The bytes of a query become those of its answer; null for what deserves none. */
export async function answerMessage(
  message: Buffer,
  resolve: Resolve,
  maxBytes: (udpBytes: number | null) => number,
): Promise<Buffer | null> {
  let query: DnsMessage;
  try {
    query = readDnsMessage(message);
  } catch (error) {
    if (error instanceof DnsFormatError) return formatError(message);
    throw error;
  }
  if (query.isResponse) return null; // To answer it could go on for ever.
  const { id, question, udpBytes } = query;
  const answer = await resolve(question);
  return encodeDnsResponse({ id, question, udpBytes, ...answer }, maxBytes(udpBytes));
}

const HEADER_BYTES = 12;

/** With its id alone, since nothing else of it was understood; null for what is not even a query's header. */
function formatError(message: Buffer): Buffer | null {
  if (message.length < HEADER_BYTES || (message.readUInt8(2) & 0x80) !== 0) return null;
  const answer = Buffer.alloc(HEADER_BYTES);
  message.copy(answer, 0, 0, 2);
  answer.writeUInt16BE(0x8180 | DNS_CODE.FORMAT, 2);
  return answer;
}
