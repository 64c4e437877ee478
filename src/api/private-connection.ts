import type { FastifyRequest } from 'fastify';
import type { PublicAddress } from '../model/address.ts';
import { PlatformError } from '../protocol/errors.ts';
import { isPrivateConnection, privateConnectionHint } from '../protocol/peer.ts';

/** Refused before the token is looked at, so that nobody learns whether it was right. */
export function requirePrivateConnection(address: PublicAddress, request: FastifyRequest): void {
  if (isPrivateConnection(request.headers)) return;
  throw new PlatformError('forbidden', 'tokens are not accepted over plain http', {
    hint: privateConnectionHint(address),
  });
}
