/** Clients that make a connection for each request: full handshakes of TLS 1.3, or ones that go on with the session before. */
import { once } from 'node:events';
import tls from 'node:tls';
import type { LoadTarget } from './wrk.ts';

export type HandshakeKind = 'full' | 'resumed';

export interface HandshakeRun {
  perSecond: number;
  connections: number;
  /** Those that were not answered with 200, or not of the kind that was asked for. */
  failures: number;
}

const OK = 'HTTP/1.1 200 ';

/** So many clients, each with one connection after the other. */
export async function runHandshakes(
  target: LoadTarget,
  { kind, clients, seconds }: { kind: HandshakeKind; clients: number; seconds: number },
): Promise<HandshakeRun> {
  const run = { connections: 0, failures: 0 };
  const beganAt = performance.now();
  const endsAt = beganAt + seconds * 1_000;
  const connectUntilTheEnd = async (): Promise<void> => {
    let session: Buffer | undefined;
    if (kind === 'resumed') session = (await connectOnce(target)).session;
    while (performance.now() < endsAt) {
      const made = await connectOnce(target, session);
      run.connections += 1;
      const isWanted = made.isResumed === (kind === 'resumed');
      if (!made.isAnswered || !isWanted) run.failures += 1;
      if (kind === 'resumed') session = made.session ?? session;
    }
  };
  await Promise.all(Array.from({ length: clients }, connectUntilTheEnd));
  return { ...run, perSecond: run.connections / ((performance.now() - beganAt) / 1_000) };
}

interface Made {
  isAnswered: boolean;
  isResumed: boolean;
  /** For the next connection; a ticket of TLS 1.3 is for one. */
  session: Buffer | undefined;
}

async function connectOnce({ port, host }: LoadTarget, session?: Buffer): Promise<Made> {
  const socket = tls.connect({
    host: '127.0.0.1',
    port,
    servername: host,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    ...(session !== undefined && { session }),
  });
  const made: Made = { isAnswered: false, isResumed: false, session: undefined };
  socket.on('error', () => {}); // It is counted as not answered.
  socket.on('session', (ticket) => (made.session = ticket));
  socket.on('secureConnect', () => {
    made.isResumed = socket.isSessionReused();
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  });
  socket.once(
    'data',
    (chunk: Buffer) => (made.isAnswered = chunk.toString('latin1').startsWith(OK)),
  );
  socket.resume();
  await once(socket, 'close');
  return made;
}
