import type { ShownStatus } from '../../certs/index.ts';
import type { Certificate } from '../../protocol/control-client.generated.ts';
import type { CertificateRow } from '../../store/certificates.ts';

/** Of one that the platform did not order. */
export function presentRow(
  row: CertificateRow,
  { app, isLasting, now }: { app: string | null; isLasting: boolean; now: number },
): Certificate & { id: string } {
  const { id, names, source, notAfter } = row;
  const isOver = notAfter.getTime() <= now;
  const isEnding = source === 'upload' && !isLasting;
  const day = notAfter.toISOString().slice(0, 10);
  const problem = {
    message: isOver ? `it expired on ${day}` : `it ends on ${day}`,
    hint: 'get another, and upload it: fn certificates add CHAIN --key KEY',
  };
  return {
    id,
    names,
    app,
    source,
    notAfter: notAfter.toISOString(),
    nextAttempt: null,
    state: isOver ? 'expired' : isEnding ? 'at-risk' : 'valid',
    problem: isOver || isEnding ? problem : null,
  };
}

/** Of one that the platform orders. */
export function presentStatus(
  status: ShownStatus,
  { app, now }: { app: string | null; now: number },
): Certificate {
  const { id, names, state, notAfter, nextAttempt, problem } = status;
  return {
    id,
    names,
    app,
    source: 'acme',
    state,
    notAfter: notAfter === null ? null : new Date(notAfter).toISOString(),
    nextAttempt: nextAttempt === null ? null : new Date(Math.max(nextAttempt, now)).toISOString(),
    problem: problem === null ? null : { message: problem.message, hint: problem.hint },
  };
}
