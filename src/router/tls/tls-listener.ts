/**
 * The port of HTTPS: shakes hands, and hands each connection on when it is encrypted. A certificate is chosen by the server
 * name of the client's first message, from memory; none is ever asked for because of one. That message is looked at before
 * OpenSSL reads it: a name that is not served ends the connection before anything is made for it, and a CA is told from
 * everybody else.
 *
 *     accepted → first message → nobody's: alert
 *                              → a CA's: handshake with the certificate of the challenge
 *                              → handshake → HTTP/1.1 | HTTP/2
 */
import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type Server as TlsServer,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import { plainAddress } from '../../std/address-list.ts';
import { CHALLENGE_PROTOCOL, createChallengeHandshakes } from './challenge-handshakes.ts';
import type { Certificates, LoadedCertificate } from './certificates.ts';
import type { ClientHello } from './client-hello.ts';
import { endingFailed } from './ending-failed.ts';
import { readFirstMessage } from './first-message.ts';
import { markSecure, SecureConnection } from './secure-connection.ts';
import { CONTEXT_OPTIONS, HANDSHAKE_MS, NO_CERTIFICATE } from './tls-settings.ts';

export interface TlsListenerDeps {
  certificates: Pick<Certificates, 'table' | 'challenges'>;
  /** False when there are too many connections, and it was closed. */
  admit: (socket: Socket) => boolean;
  /** A request for the host seems to come. */
  heardOf: (host: string) => void;
  /** Has HTTP/1.1 spoken on it. */
  accept: (socket: TLSSocket) => void;
  /** Has HTTP/2 spoken on it. */
  acceptH2: (socket: TLSSocket) => void;
}

export interface TlsListener {
  readonly server: Server;
  /** 48 bytes, of all data processes: a session that began with one goes on with another. */
  setTicketKeys(keys: Buffer): void;
  /** Closes all connections, whatever they are at. */
  destroy(): void;
}

const NOTHING_SAID = { serverName: null, protocols: [] };
const H1 = 'http/1.1';
const H2 = 'h2';
/** A record of type 21 with two bytes: fatal, unrecognized_name (RFC 8446 section 6, RFC 6066 section 3). */
const UNRECOGNIZED_NAME = Buffer.from([21, 3, 3, 0, 2, 2, 112]);
/** Where the first message could not be looked at. Ends the connection at once. */
const UNKNOWN_NAME = new Error('a server name that is not served');
/** Certificates of addresses, each with a server of its own, before those that are gone are forgotten. */
const MAX_ADDRESS_SERVERS = 16;

export function createTlsListener(deps: TlsListenerDeps, firstTicketKeys: Buffer): TlsListener {
  const { certificates } = deps;
  const sockets = new Set<Socket>();
  const addressServers = new Map<string, TlsServer>();
  let ticketKeys = firstTicketKeys;
  const byName = createHandshakes(null);
  const challenges = createChallengeHandshakes(() => certificates.challenges);

  /** With the certificate of clients that name no server. */
  function createHandshakes(certificate: LoadedCertificate | null): TlsServer {
    const options: TlsOptions = {
      ...(certificate?.options ?? CONTEXT_OPTIONS),
      ticketKeys,
      handshakeTimeout: HANDSHAKE_MS,
      SNICallback: (name, answer) => {
        const found = certificates.table.find(name);
        if (found !== null) return answer(null, found.context);
        answer(certificate === null ? null : UNKNOWN_NAME, NO_CERTIFICATE);
      },
      ALPNCallback: ({ protocols }) => [H2, H1].find((one) => protocols.includes(one)),
    };
    return endingFailed(createTlsServer(options, secured));
  }

  function accepted(socket: Socket): void {
    if (!deps.admit(socket)) return;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    readFirstMessage(socket, (hello) => began(socket, hello));
  }

  /** What could not be read is OpenSSL's to judge. */
  function began(socket: Socket, hello: ClientHello): void {
    const { serverName, protocols } = hello.kind === 'hello' ? hello : NOTHING_SAID;
    if (protocols.length === 1 && protocols[0] === CHALLENGE_PROTOCOL) {
      return void challenges.emit('connection', socket);
    }
    if (hello.kind === 'hello' && certificateOf(socket, serverName) === null) {
      socket.on('error', () => {}); // 'close' follows and says all.
      socket.write(UNRECOGNIZED_NAME);
      return socket.destroySoon();
    }
    if (serverName !== null) deps.heardOf(serverName);
    handshakesOf(socket).emit('connection', socket);
  }

  function certificateOf(socket: Socket, name: string | null): LoadedCertificate | null {
    return name === null ? addressCertificate(socket.localAddress) : certificates.table.find(name);
  }

  function handshakesOf(socket: Socket): TlsServer {
    const certificate = addressCertificate(socket.localAddress);
    if (certificate === null) return byName;
    const known = addressServers.get(certificate.id);
    if (known !== undefined) return known;
    if (addressServers.size >= MAX_ADDRESS_SERVERS) addressServers.clear();
    const server = createHandshakes(certificate);
    addressServers.set(certificate.id, server);
    return server;
  }

  /** A client that names no server has connected to an address. Behind translation it is not the one that we see. */
  function addressCertificate(localAddress: string | undefined): LoadedCertificate | null {
    const { table } = certificates;
    return table.find(plainAddress(localAddress ?? '')) ?? table.anyOfAddress;
  }

  function secured(socket: TLSSocket): void {
    const connection = connectionOf(socket);
    // Its certificate was taken away while the session was kept.
    if (connection === null) return void socket.destroy();
    markSecure(socket, connection);
    if (socket.alpnProtocol === H2) deps.acceptH2(socket);
    else deps.accept(socket);
  }

  function connectionOf(socket: TLSSocket): SecureConnection | null {
    const namesFor = (host: string): ReadonlySet<string> | null =>
      certificates.table.find(host)?.names ?? null;
    const name = (socket as { servername?: string | false | null }).servername;
    const isUnknown = !name && socket.isSessionReused() && socket.getProtocol() === 'TLSv1.2';
    if (isUnknown) return new SecureConnection(null, namesFor);
    const names = name ? namesFor(name) : addressCertificate(socket.localAddress)?.names;
    return names === undefined || names === null ? null : new SecureConnection(names, namesFor);
  }

  return {
    server: createPlainServer({ noDelay: true }, accepted),
    setTicketKeys: (keys) => {
      ticketKeys = keys;
      for (const server of [byName, ...addressServers.values()]) server.setTicketKeys(keys);
    },
    destroy: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
