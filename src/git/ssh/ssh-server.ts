/**
 * The door of the git front for SSH. Whoever comes shows a key that `fn keys add` was given, and may have git push and git
 * fetch run: no shell, no terminal, no other program, no forwarding, no variables. What is not listened to here, ssh2
 * refuses.
 *
 *     a place → handshake → key (control's authenticateKey) → command → control's authorize → exchange, as over HTTP
 */
import { createServer, type Server as SocketServer, type Socket } from 'node:net';
import ssh2, { type AuthContext, type Connection, type KeyContext, type ServerChannel } from 'ssh2';
import { PlatformError } from '../../protocol/errors.ts';
import { plainAddress } from '../../std/address-list.ts';
import { networkOf } from '../../std/ip-address.ts';
import { printableLine } from '../../std/printable.ts';
import { serveGit, type ExchangeDeps } from '../exchange.ts';
import { authorize } from '../guard.ts';
import type { LogPort } from '../ports.ts';
import { toRefusal } from '../refusal.ts';
import { refusalText } from '../side-band.ts';
import { parseCommand } from './command.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { watchKey } from './key-watch.ts';
import { readOffer } from './key-proof.ts';
import { type Asking, CLOSING_MS, closing, onCommand } from './session.ts';
import { createSshChannel } from './ssh-channel.ts';

interface Options {
  /** In OpenSSH's format. */
  hostKey: string;
}

export interface SshServer {
  /** The caller makes it listen. */
  server: SocketServer;
  /** Accepts no more connections and resolves when what is asked for over those that there are has ended. */
  drain(): Promise<void>;
}

/** Neither SHA-1, nor CBC, nor groups that are chosen as one goes. */
const ALGORITHMS = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
  ],
  serverHostKey: ['ssh-ed25519'],
  // All of them OpenSSL's; ChaCha20-Poly1305 would be ssh2's own.
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com'],
  // Packs are compressed, and inflating is one thing less to be attacked by.
  compress: ['none'],
};
/** A pusher's terminal may be stopped for long; a machine that is gone is noticed by TCP. */
const PROBE = { keepaliveInterval: 5 * 60_000, keepaliveCountMax: 24 };
const TCP_PROBE_MS = 60_000;
const MAX_AGENT_CHARACTERS = 100;

/** What a client of one session may have sent and nobody has read: ssh2 opens another window of 2 MiB when half of one is taken. */
const MAX_WINDOWS_BYTES = 4 * 1024 * 1024;

interface Client {
  socket: Socket;
  /** The client's address. */
  from: string;
  /** It has shown to hold a key. */
  known(): void;
}

export function createSshServer(
  deps: ExchangeDeps & { log: LogPort },
  options: Options,
): SshServer {
  const limits = deps.limits.ssh;
  const counts = new ConnectionCounts(limits);
  const clients = new Map<string, Client>();
  const running = new Set<Promise<void>>();
  const draining = new AbortController();
  const ssh = new ssh2.Server({
    hostKeys: [options.hostKey],
    ident: 'gitfn',
    algorithms: ALGORITHMS,
    ...PROBE,
  });
  // Of one connection, which is closed.
  ssh.on('error', (error) => deps.log.info({ err: error }, 'an SSH connection failed'));
  ssh.on('connection', (connection, { ip, port, header }) => {
    const client = clients.get(nameOf(ip, port));
    if (client === undefined) return;
    const software = printableLine(header.versions.software, MAX_AGENT_CHARACTERS);
    serveConnection({ deps, running, draining: draining.signal }, connection, {
      ...client,
      userAgent: `ssh ${software}`,
    });
  });

  const server = createServer((socket) => {
    socket.on('error', () => {}); // `close` follows.
    const from = plainAddress(socket.remoteAddress ?? '');
    const place = counts.enter(networkOf(from));
    if (place === null) {
      socket.destroy();
      return;
    }
    const name = nameOf(socket.remoteAddress, socket.remotePort);
    const deadline = setTimeout(() => socket.destroy(), limits.loginMs);
    socket.setNoDelay(true).setKeepAlive(true, TCP_PROBE_MS);
    socket.on('close', () => {
      clearTimeout(deadline);
      clients.delete(name);
      place.leave();
    });
    // Whatever makes answers, ssh2 writes them all, also to a client that reads none.
    socket.on('data', () => {
      if (socket.writableLength > limits.unreadBytes) socket.destroy();
    });
    clients.set(name, {
      socket,
      from,
      known() {
        clearTimeout(deadline);
        place.known();
      },
    });
    ssh.injectSocket(socket);
  });

  return {
    server,
    async drain() {
      const closed = new Promise((resolve) => server.close(resolve));
      draining.abort();
      while (running.size > 0) await Promise.all(running);
      for (const { socket } of clients.values()) socket.destroySoon();
      await closed;
    },
  };
}

function nameOf(address: string | undefined, port: number | undefined): string {
  return `${address} ${port}`;
}

interface Serving {
  deps: ExchangeDeps & { log: LogPort };
  /** What was asked for and is not done yet, over all connections. */
  running: Set<Promise<void>>;
  /** Aborted when nothing more is begun. */
  draining: AbortSignal;
}

type KnownClient = Client & { userAgent: string };

function serveConnection(
  { deps, running, draining }: Serving,
  connection: Connection,
  client: KnownClient,
): void {
  const { control, log } = deps;
  const limits = deps.limits.ssh;
  const { socket, from } = client;
  const gone = new AbortController();
  let key: string | null = null;
  let attempts = 0;
  let offers = 0;
  let sessions = 0;
  let commands = 0;
  const streams = new Set<ServerChannel>();

  // Nothing is done for it: a client that keeps its connection open for later, or does not end what is answered.
  const idle = setTimeout(() => {
    if (commands === 0) socket.destroy();
    else idle.refresh();
  }, limits.idleMs);
  // A client may not send more than it was allowed to, and ssh2 keeps what it sends all the same.
  socket.on('data', () => {
    let unread = 0;
    for (const { readableLength } of streams) {
      unread += readableLength;
      if (readableLength > limits.unreadBytes) socket.destroy();
    }
    if (unread > limits.sessions * MAX_WINDOWS_BYTES) socket.destroy();
  });
  connection.on('error', () => {
    socket.destroySoon();
    setTimeout(() => socket.destroy(), CLOSING_MS).unref(); // Of a client that does not read the rest.
  });
  socket.on('close', () => {
    clearTimeout(idle);
    gone.abort();
    if (key === null && offers > 0) control('keysFailed', { from }).catch(() => {}); // It counts in a running control only.
  });

  async function isLetIn(context: KeyContext): Promise<boolean> {
    const offer = readOffer(context);
    if (offer === null || offer.kind === 'forgery') return false;
    try {
      await control('authenticateKey', { key: offer.fingerprint, from });
    } catch (error) {
      if (!(error instanceof PlatformError)) log.warn({ err: error }, 'a key was not looked up');
      return false;
    }
    if (offer.kind === 'proof') key = offer.fingerprint;
    return true;
  }

  async function answer(context: AuthContext): Promise<void> {
    attempts += 1;
    if (attempts > limits.attempts) return socket.destroySoon();
    if (!isKeyContext(context)) return context.reject(['publickey']);
    offers += 1;
    if (await isLetIn(context)) context.accept();
    else context.reject(['publickey']);
  }

  async function serveCommand({ stream, command }: Asking, shown: string): Promise<void> {
    const channel = createSshChannel(stream, client);
    commands += 1;
    try {
      const target = parseCommand(command);
      const asked = { credential: { key: shown }, target, from };
      await serveGit(deps, { ...(await authorize(control, asked)), channel });
    } catch (error) {
      const refusal = toRefusal(error);
      if (refusal.status === 500) log.warn({ err: error }, 'a git session failed');
      channel.fail(refusalText(refusal));
    }
    // How it has ended is the last that the client is told: without it, git takes a push that went well for one that failed.
    await closing(stream);
    commands -= 1;
    idle.refresh();
  }

  connection.on('authentication', (context) => {
    answer(context).catch(() => socket.destroy());
  });
  connection.on('ready', () => {
    client.known();
    if (key === null) socket.destroy();
    else void watchKey(control, key, gone.signal).then(() => socket.destroy());
  });
  connection.on('session', (accept, reject) => {
    if (key === null || sessions >= limits.sessions || draining.aborted) return reject();
    sessions += 1;
    const session = accept();
    session.once('close', () => {
      sessions -= 1;
    });
    const shown = key;
    onCommand(session, limits.loginMs, (asking) => {
      if (asking === null) {
        socket.destroy();
        return;
      }
      const { stream } = asking;
      streams.add(stream);
      // A stream that is not read to its end does not close by itself.
      session.once('close', () => {
        streams.delete(stream);
        stream.unpipe();
        stream.resume();
      });
      const served: Promise<void> = serveCommand(asking, shown).finally(() =>
        running.delete(served),
      );
      running.add(served);
    });
  });
}

function isKeyContext(context: AuthContext): context is KeyContext {
  return context.method === 'publickey';
}
