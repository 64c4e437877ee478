/** The audit log, as control has it. */
import { createHash } from 'node:crypto';
import type { Access } from '../../access/index.ts';
import {
  createAuditHead,
  createAuditLog,
  createAuditReader,
  createAuditVerifier,
  openAuditKeys,
  type Audit,
  type AuditReader,
  type AuditVerifier,
} from '../../audit/index.ts';
import type { Domains } from '../../domains/index.ts';
import type { KeyBox } from '../../secrets/index.ts';
import type { Clock } from '../../std/clock.ts';
import type { Database } from '../../store/database.ts';
import { findTokenByHash } from '../../store/tokens.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface Deps {
  db: Database;
  keyBox: KeyBox;
  clock: Clock;
  onError: (error: unknown) => void;
}

export interface ControlAudit {
  log: Audit;
  trail: AuditReader & AuditVerifier;
}

export async function openControlAudit(
  { db, keyBox, clock, onError }: Deps,
  { auditHeadFile }: Pick<ControlOptions, 'auditHeadFile'>,
): Promise<ControlAudit> {
  const keys = await openAuditKeys({ db, keyBox });
  const head = createAuditHead(auditHeadFile);
  return {
    log: createAuditLog({ db, keys, head, clock, onError }),
    trail: { ...createAuditReader(db), ...createAuditVerifier({ db, keys, head, clock }) },
  };
}

/** Nobody asks for the first token: the platform makes it. */
export async function adoptAdminToken(
  { db, access, audit }: { db: Database; access: Access; audit: Audit },
  token: string,
): Promise<void> {
  const hash = createHash('sha256').update(token).digest();
  if ((await findTokenByHash(db, hash)) !== null) return access.tokens.adoptAdmin(token);
  const operation = await audit.begin(platformEvent('adoptAdminToken'));
  await access.tokens.adoptAdmin(token);
  const row = await findTokenByHash(db, hash);
  await operation.succeeded({ target: row?.id ?? null, after: { name: row?.name ?? null } });
}

/** Domains that fn.json names are added by the platform. */
export function createAuditedDeclarations(
  domains: Pick<Domains, 'declare'>,
  audit: Audit,
): Pick<Domains, 'declare'> {
  return {
    async declare(app, names) {
      const declared = await domains.declare(app, names);
      for (const { kind, name } of declared) {
        if (kind !== 'added') continue;
        const { id, name: appName } = app;
        const event = { ...platformEvent('addDomain'), app: { id, name: appName }, target: name };
        await audit.note({ ...event, after: { from: 'fn.json' } });
      }
      return declared;
    },
  };
}

function platformEvent(action: string) {
  return {
    actor: { kind: 'platform' as const },
    action,
    app: null,
    target: null,
    from: null,
    requestId: null,
    before: null,
    after: null,
  };
}
