/** Shakes hands with a CA that validates a host by TLS (RFC 8737): with the challenge's certificate, and for nothing else. */
import { createSecureContext, createServer, type SecureContext, type Server } from 'node:tls';
import type { AcmeChallenge } from '../../protocol/certificates.ts';
import { alpnChallenge } from './challenge-answers.ts';
import { endingFailed } from './ending-failed.ts';
import { CONTEXT_OPTIONS, HANDSHAKE_MS, NO_CERTIFICATE } from './tls-settings.ts';

export const CHALLENGE_PROTOCOL = 'acme-tls/1';

/** Takes connections as events, as `net` hands them over. */
export function createChallengeHandshakes(challenges: () => readonly AcmeChallenge[]): Server {
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

  const server = createServer(
    {
      ...CONTEXT_OPTIONS,
      handshakeTimeout: HANDSHAKE_MS,
      ALPNProtocols: [CHALLENGE_PROTOCOL],
      SNICallback: (name, answer) => answer(null, contextOf(name)),
    },
    (socket) => {
      socket.on('error', () => {}); // The CA has seen what it came for.
      socket.destroySoon();
    },
  );
  return endingFailed(server);
}
