import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../access/index.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { isPrivateConnection } from '../../protocol/peer.ts';
import { HIDDEN } from '../operation.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentWarnings } from './present.ts';

/**
 * Data asks this for its own `/readyz`, with the token of who asks there: what control needs besides itself, and what somebody
 * should look after. Anybody may ask; whose names they are is told to those alone who may see the app.
 */
export function readinessRoutes(
  api: ApiInstance,
  deps: ApiDeps,
  authenticate: (request: FastifyRequest) => Promise<Actor>,
): void {
  async function readerOf(request: FastifyRequest): Promise<Actor | null> {
    const { authorization } = request.headers;
    if (authorization === undefined || !isPrivateConnection(request.headers)) return null;
    try {
      return await authenticate(request);
    } catch (error) {
      // Whoever looks whether the server is well is told so, also when the token has ended meanwhile.
      if (error instanceof PlatformError) return null;
      throw error;
    }
  }

  api.get('/readyz', HIDDEN, async (request) => {
    if (!(await deps.isDatabaseUp())) {
      // Which may be the reason.
      const full = await deps.diskWarnings();
      return { degraded: ['database'], warnings: presentWarnings(full, () => false) };
    }
    const degraded = deps.isAlarmed() ? ['certificates'] : [];
    const reader = await readerOf(request);
    const maySee = (id: string): boolean => {
      return reader !== null && deps.access.may(reader, 'domain.read', { id });
    };
    return { degraded, warnings: presentWarnings(await deps.warnings(), maySee) };
  });
}
