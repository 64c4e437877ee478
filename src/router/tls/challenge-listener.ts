/** Tells a CA that validates a host by TLS (RFC 8737) from everybody else, and answers it with the challenge's certificate. */
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext } from 'node:tls';
import type { AcmeChallenge } from '../../protocol/certificates.ts';
import { alpnChallenge } from './challenge-answers.ts';
import { MAX_HELLO_BYTES, readClientHello } from './client-hello.ts';
import { CONTEXT_OPTIONS, HANDSHAKE_MS } from './tls-settings.ts';

export interface ChallengeListener {
  /** Whether a CA may come now. */
  readonly isExpected: boolean;
  /** Reads what the client says first; calls back when it is no CA's, and has it read again then. */
  divert(socket: Socket, goOn: () => void): void;
}

const PROTOCOL = 'acme-tls/1';
const NO_CERTIFICATE = createSecureContext(CONTEXT_OPTIONS);

export function createChallengeListener(
  challenges: () => readonly AcmeChallenge[],
): ChallengeListener {
  const server = createServer(
    {
      ...CONTEXT_OPTIONS,
      handshakeTimeout: HANDSHAKE_MS,
      ALPNProtocols: [PROTOCOL],
      SNICallback: (name, answer) => answer(null, contextOf(name)),
    },
    (socket) => {
      socket.on('error', () => {}); // The CA has seen what it came for.
      socket.destroySoon();
    },
  );

  function contextOf(name: string): SecureContext {
    const challenge = alpnChallenge(name, challenges());
    if (challenge === null) return NO_CERTIFICATE;
    const { certificate: cert, key } = challenge;
    try {
      return createSecureContext({ ...CONTEXT_OPTIONS, cert, key });
    } catch {
      return NO_CERTIFICATE; // It is none that can be shown; the CA says so to who has asked for it.
    }
  }

  return {
    get isExpected() {
      return challenges().some(({ kind }) => kind === 'tls-alpn-01');
    },
    divert: (socket, goOn) => {
      readFirst(socket, (isChallenge) => {
        if (isChallenge) server.emit('connection', socket);
        else goOn();
      });
    },
  };
}

/** Calls back once, when it is known what the client is, with all that was read put back. */
function readFirst(socket: Socket, done: (isChallenge: boolean) => void): void {
  let bytes = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    const hello = readClientHello(bytes);
    if (hello.kind === 'partial' && bytes.length < MAX_HELLO_BYTES) return;
    socket.off('data', onData).off('error', onError);
    clearTimeout(deadline);
    socket.pause();
    socket.unshift(bytes);
    done(hello.kind === 'hello' && hello.protocols.join() === PROTOCOL);
  };
  const onError = (): void => {}; // 'close' follows and says all.
  const deadline = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
  socket.on('data', onData).on('error', onError);
  socket.on('close', () => clearTimeout(deadline));
}
