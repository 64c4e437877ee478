/**
 * Plays the internet, and everybody's private networks, inside a network namespace in which every address is its own:
 * whatever leaves the platform arrives here, is answered, and is written down. Started by test-network.ts.
 */
import { createSocket, type Socket } from 'node:dgram';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Arrival, InternetOrder, InternetOptions } from './test-network.ts';
import { answerDns, type Zone } from './dns-server.ts';

/** A header, the root's name, type and class. */
const SHORTEST_QUESTION = 17;

const arrivals: Arrival[] = [];
let zone: Zone = {};
/** How often each name was asked for: names that change their meaning go by it. */
const asked = new Map<string, number>();

process.on('disconnect', () => process.exit());
process.send?.('here');
process.on('message', (order: InternetOrder | { start: InternetOptions }) => {
  if ('start' in order) void start(order.start);
  else if ('zone' in order) zone = order.zone;
  else process.send?.({ arrivals: arrivals.splice(0) });
});

async function start({ web, tls, database, key, certificate }: InternetOptions): Promise<void> {
  const page: http.RequestListener = (request, response) =>
    response.end(`hello from ${request.headers.host}`);
  const servers: [net.Server, number][] = [
    [http.createServer(page), web],
    [https.createServer({ key, cert: certificate }, page), tls],
    // A protocol in which the client speaks first, as PostgreSQL's.
    [
      net.createServer((socket) =>
        socket.on('data', (data) => socket.write(`got ${String(data)}`)),
      ),
      database,
    ],
    [net.createServer(), 22],
    [net.createServer(), 25],
    [net.createServer((socket) => serveDnsOverTcp(socket)), 53],
  ];
  for (const [server, port] of servers) {
    server.on('connection', (socket: net.Socket) => {
      socket.on('error', () => {});
      note('tcp', socket.localAddress, port, socket.remoteAddress);
    });
    server.listen(port, '::');
    await new Promise((resolve) => server.once('listening', resolve));
  }
  const resolver = createSocket({ type: 'udp4', reuseAddr: true });
  resolver.on('message', (query, from) => {
    // The platform asks for names; what is shorter is a function's.
    if (query.length < SHORTEST_QUESTION)
      arrivals.push({ protocol: 'udp', to: 'resolver', port: 53, from: from.address });
    else resolver.send(answerDns(query, zone, asked), from.port, from.address);
  });
  await bind(resolver, '192.168.77.1');
  for (const type of ['udp4', 'udp6'] as const) {
    const others = createSocket({ type, ipv6Only: type === 'udp6', reuseAddr: true });
    others.on('message', (_query, from) => note('udp', type, 53, from.address));
    await bind(others, type === 'udp4' ? '0.0.0.0' : '::');
  }
  process.send?.('ready');
}

function bind(socket: Socket, address: string): Promise<void> {
  return new Promise((resolve) => void socket.bind(53, address, resolve));
}

function serveDnsOverTcp(socket: net.Socket): void {
  socket.on('data', (data: Buffer) => {
    const answer = answerDns(data.subarray(2), zone, asked);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(answer.length);
    socket.end(Buffer.concat([length, answer]));
  });
}

function note(protocol: 'tcp' | 'udp', to = '', port = 0, from = ''): void {
  // The resolver's address: what arrives there are the platform's own questions.
  const plain = (address: string): string => address.replace('::ffff:', '');
  if (plain(to) !== '192.168.77.1')
    arrivals.push({ protocol, to: plain(to), port, from: plain(from) });
}
