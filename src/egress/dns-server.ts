/** Answers the DNS of sandboxes that have a network of their own, by UDP and TCP (RFC 7766). */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import net, { isIPv6 } from 'node:net';
import { createQueryReader, withLength } from '../protocol/dns-over-tcp.ts';
import { answerMessage, type Resolve } from './answer-message.ts';
import { OWN_UDP_BYTES } from './write-dns.ts';
import type { Slot, Slots } from './slots.ts';

export interface DnsServer {
  /** Of the last address: 0 let the system choose. */
  port: number;
  close(): void;
}

interface DnsServerOptions {
  /** Which only sandboxes reach. */
  addresses: readonly string[];
  port: number;
}

export interface DnsServerDeps {
  slots: Pick<Slots, 'find'>;
  /** What a sandbox is told of names. */
  resolve: (slot: Slot) => Resolve;
}

/** What one message by UDP may bring before it is asked to come by TCP, without EDNS (RFC 1035). */
const PLAIN_UDP_BYTES = 512;
/** Of all apps; APP_SHARE says how many may be of one. */
const MAX_CONNECTIONS = 512;
const MAX_CONNECTIONS_PER_SLOT = 8;
const CONNECTION_IDLE_MS = 10_000;
const MAX_TCP_BYTES = 65_535;
const MAX_UNREAD_BYTES = 4 * MAX_TCP_BYTES;

/** @throws when an address cannot be bound. */
export async function startDnsServer(
  deps: DnsServerDeps,
  { addresses, port }: DnsServerOptions,
): Promise<DnsServer> {
  const open: { close(): void }[] = [];
  const close = (): void => open.forEach((listener) => listener.close());
  try {
    let bound = port;
    for (const address of addresses) {
      const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
      open.push(socket);
      serveUdp(deps, socket);
      socket.bind(port, address);
      await listening(socket);
      bound = socket.address().port;
      const server = serveTcp(deps);
      open.push(server);
      server.listen(bound, address);
      await listening(server);
    }
    return { port: bound, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Later errors are of packets and connections that were lost, and their sandboxes ask again. */
async function listening(listener: UdpSocket | net.Server): Promise<void> {
  await once(listener, 'listening');
  listener.on('error', () => {});
}

function serveUdp(deps: DnsServerDeps, socket: UdpSocket): void {
  socket.on('message', (message, { address, port }) => void reply(message, address, port));

  async function reply(message: Buffer, address: string, port: number): Promise<void> {
    const slot = deps.slots.find(address);
    if (slot === null) return;
    const response = await answer({ slot, message, resolve: deps.resolve(slot) }, (udpBytes) =>
      Math.min(Math.max(udpBytes ?? 0, PLAIN_UDP_BYTES), OWN_UDP_BYTES),
    );
    if (response !== null) socket.send(response, port, address, () => {});
  }
}

interface Query {
  slot: Slot;
  message: Buffer;
  resolve: Resolve;
}

/** Null when nothing is answered: the sandbox asks too much, or what is no query. */
async function answer(
  { slot, message, resolve }: Query,
  maxBytes: (udpBytes: number | null) => number,
): Promise<Buffer | null> {
  if (!slot.share.begin()) return null;
  try {
    return await answerMessage(message, resolve, maxBytes);
  } finally {
    slot.share.done();
  }
}

function serveTcp(deps: DnsServerDeps): net.Server {
  const connections = new Map<Slot, number>();
  const server = net.createServer((socket) => {
    const slot = deps.slots.find(socket.remoteAddress ?? '');
    const count = slot === null ? 0 : (connections.get(slot) ?? 0);
    const isRefused = slot === null || count >= MAX_CONNECTIONS_PER_SLOT;
    if (isRefused || !slot.share.app.dnsConnections.take()) {
      socket.destroy();
      return;
    }
    connections.set(slot, count + 1);
    socket.on('close', () => {
      slot.share.app.dnsConnections.give();
      leave(connections, slot);
    });
    serveConnection(socket, (message) =>
      answer({ slot, message, resolve: deps.resolve(slot) }, () => MAX_TCP_BYTES),
    );
  });
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

function serveConnection(
  socket: net.Socket,
  answerTo: (message: Buffer) => Promise<Buffer | null>,
): void {
  socket.on('error', () => {});
  socket.setTimeout(CONNECTION_IDLE_MS, () => socket.destroy());
  const read = createQueryReader((message) => void reply(message));
  socket.on('data', (chunk: Buffer) => {
    if (!read(chunk)) socket.destroy();
  });

  async function reply(message: Buffer): Promise<void> {
    const response = await answerTo(message);
    // Who asks on and on and reads nothing would fill the memory.
    if (response === null || socket.writableLength > MAX_UNREAD_BYTES) {
      socket.destroy();
      return;
    }
    socket.write(withLength(response));
  }
}

function leave(connections: Map<Slot, number>, slot: Slot): void {
  const count = (connections.get(slot) ?? 1) - 1;
  if (count === 0) connections.delete(slot);
  else connections.set(slot, count);
}
