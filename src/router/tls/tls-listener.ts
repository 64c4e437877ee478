/**
 * The port of HTTPS: shakes hands, and hands each connection on when it is encrypted. A certificate is chosen by the server
 * name of the client's first message, from memory; none is ever asked for because of one. A name that is not served, and
 * none where no address has a certificate, end in an alert.
 *
 *     accepted → (a CA is expected: its first message is read here) → handshake → HTTP/1.1 | HTTP/2
 */
import { createServer as createPlainServer, type Server, type Socket } from 'node:net';
import {
  createSecureContext,
  createServer as createTlsServer,
  type Server as TlsServer,
  type TlsOptions,
  type TLSSocket,
} from 'node:tls';
import { plainAddress } from '../../std/address-list.ts';
import { createChallengeListener } from './challenge-listener.ts';
import type { Certificates, LoadedCertificate } from './certificates.ts';
import { markSecure, SecureConnection } from './secure-connection.ts';
import { CONTEXT_OPTIONS, HANDSHAKE_MS } from './tls-settings.ts';

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

const H1 = 'http/1.1';
const H2 = 'h2';
/** Has no certificate: a handshake ends in an alert, where it has no other. */
const NO_CERTIFICATE = createSecureContext(CONTEXT_OPTIONS);
/** Ends the connection at once. */
const UNKNOWN_NAME = new Error('a server name that is not served');
/** Certificates of addresses, each with a server of its own, before those that are gone are forgotten. */
const MAX_ADDRESS_SERVERS = 16;

export function createTlsListener(deps: TlsListenerDeps, firstTicketKeys: Buffer): TlsListener {
  const { certificates } = deps;
  const sockets = new Set<Socket>();
  const addressServers = new Map<string, TlsServer>();
  let ticketKeys = firstTicketKeys;
  const byName = createHandshakes(null);
  const challenges = createChallengeListener(() => certificates.challenges);

  /** With the certificate of clients that name no server. */
  function createHandshakes(certificate: LoadedCertificate | null): TlsServer {
    const options: TlsOptions = {
      ...(certificate?.options ?? CONTEXT_OPTIONS),
      ticketKeys,
      handshakeTimeout: HANDSHAKE_MS,
      SNICallback: (name, answer) => {
        const found = certificates.table.find(name);
        if (found === null)
          return answer(certificate === null ? null : UNKNOWN_NAME, NO_CERTIFICATE);
        deps.heardOf(name);
        answer(null, found.context);
      },
      ALPNCallback: ({ servername, protocols }) => {
        // Of a session that goes on no certificate is chosen, so this is the first that is heard of its name.
        if (certificates.table.find(servername || '') !== null) deps.heardOf(servername);
        return [H2, H1].find((one) => protocols.includes(one));
      },
    };
    return createTlsServer(options, secured);
  }

  function accepted(socket: Socket): void {
    if (!deps.admit(socket)) return;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const shakeHands = (): void => void handshakesOf(socket).emit('connection', socket);
    if (challenges.isExpected) challenges.divert(socket, shakeHands);
    else shakeHands();
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
