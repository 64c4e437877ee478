import type { AuditContent } from '../../audit/index.ts';
import type { AuditEntry } from '../../protocol/control-client.generated.ts';

export function presentEntry(content: AuditContent): AuditEntry {
  const { sequence, atMs, outcome, reason, actor, action, app, target, from } = content;
  const { requestId, before, after } = content;
  return {
    sequence,
    at: new Date(atMs).toISOString(),
    outcome,
    reason,
    actor: { id: null, name: null, ...actor },
    action,
    app: app?.name ?? null,
    target,
    address: from?.address ?? null,
    userAgent: from?.userAgent ?? null,
    requestId,
    before,
    after,
  };
}
