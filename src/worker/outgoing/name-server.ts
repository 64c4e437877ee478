/**
 * A name server on the sandbox's own loopback, for what of node:dns speaks to name servers itself: passes each message
 * on as it is. What may be asked, and what is answered, is decided at the other end of the channel.
 */
import { createSocket } from 'node:dgram';
import net from 'node:net';
import { createQueryReader, MAX_QUERY_BYTES, withLength } from '../../protocol/dns-over-tcp.ts';
import type { EgressClient } from './egress-client.ts';

type LookUp = (
  host: string,
  options: unknown,
  done: (error: null, host: string, family: number) => void,
) => void;

const LOOPBACK = '127.0.0.1';
/** Never fragmented on the way (DNS flag day 2020); what is longer is asked for again by TCP. */
const MAX_UDP_BYTES = 1_232;
const HEADER_BYTES = 12;
const TYPE_AND_CLASS_BYTES = 4;
const IS_RESPONSE = 0x80;
const IS_TRUNCATED = 0x02;
const SERVER_FAILURE = 2;

/** Its address and port; it does not hold the event loop. */
export function startNameServer(client: Pick<EgressClient, 'ask'>): string {
  const byTcp = net.createServer((socket) => {
    socket.unref().on('error', () => {});
    const read = createQueryReader((query) => {
      void answerTo(client, query).then((answer) => socket.write(withLength(answer)));
    });
    socket.on('data', (chunk: Buffer) => {
      if (!read(chunk)) socket.destroy();
    });
  });
  // Without a host it is bound before `listen` returns.
  const { port } = byTcp.listen(0).unref().address() as net.AddressInfo;
  // A look-up that answers at once binds it before `bind` returns.
  const lookup: LookUp = (host, _, done) => done(null, host, 4);
  const byUdp = createSocket({ type: 'udp4', lookup });
  byUdp.on('error', () => {});
  byUdp.on('message', (query, from) => {
    if (query.length < HEADER_BYTES || query.length > MAX_QUERY_BYTES) return;
    void answerTo(client, query).then((answer) =>
      byUdp.send(cut(answer), from.port, from.address, () => {}),
    );
  });
  byUdp.bind(port, LOOPBACK).unref();
  return `${LOOPBACK}:${port}`;
}

async function answerTo(client: Pick<EgressClient, 'ask'>, query: Buffer): Promise<Buffer> {
  try {
    return await client.ask(query);
  } catch {
    // It asks too much, or the way out has closed: better said than left to its patience.
    const failure = Buffer.from(query);
    failure.writeUInt8(failure.readUInt8(2) | IS_RESPONSE, 2);
    failure.writeUInt8((failure.readUInt8(3) & 0xf0) | SERVER_FAILURE, 3);
    return failure;
  }
}

/** No more than its header and question. */
function cut(answer: Buffer): Buffer {
  if (answer.length <= MAX_UDP_BYTES) return answer;
  let end = HEADER_BYTES;
  for (let length = answer[end]; length !== undefined && length > 0; length = answer[end]) {
    end += length + 1;
  }
  const head = Buffer.from(answer.subarray(0, end + 1 + TYPE_AND_CLASS_BYTES));
  head.writeUInt8(head.readUInt8(2) | IS_TRUNCATED, 2);
  return head.fill(0, 6, HEADER_BYTES); // There are no answers.
}
