import type { FastifyRequest } from 'fastify';
import type { Audit, AuditActor } from '../../audit/index.ts';
import { peerAddress } from '../../protocol/peer.ts';
import type { TokenRow } from '../../store/tokens.ts';

/** Writes down which token a login made, since whoever asked for it had none. */
export async function noteLogin(
  audit: Audit,
  request: FastifyRequest,
  { action, actor, row }: { action: string; actor: AuditActor; row: TokenRow },
): Promise<void> {
  const { name, prefix, grants, expiresAt } = row;
  await audit.note({
    actor,
    action,
    app: null,
    target: row.id,
    from: {
      address: peerAddress(request.headers) || null,
      userAgent: request.headers['user-agent'] ?? null,
    },
    requestId: request.id,
    before: null,
    after: { name, prefix, grants: [...grants], expiresAt: expiresAt?.toISOString() ?? null },
  });
}
