import { Type } from 'typebox';
import { AUDIT_PROBLEM_KINDS } from '../../model/audit.ts';
import { pageOf, pageQuery } from '../paging.ts';
import { nullable } from '../nullable.ts';

const MAX_NAME_CHARACTERS = 200;

const Details = nullable(Type.Record(Type.String(), Type.Unknown()));

const AuditEntrySchema = Type.Object(
  {
    sequence: Type.Integer({ description: 'From 1 on, without gaps.' }),
    at: Type.String(),
    outcome: Type.Enum(['requested', 'succeeded', 'failed'], {
      description: '`requested` before it is done; one of the others when it has ended.',
    }),
    reason: nullable(Type.String(), 'Why it failed.'),
    actor: Type.Object({
      kind: Type.String({ description: '`platform`, or that of the token.' }),
      id: nullable(Type.String()),
      name: nullable(Type.String()),
    }),
    action: Type.String(),
    app: nullable(Type.String()),
    target: nullable(Type.String(), 'What it was done to; null for the app itself.'),
    address: nullable(
      Type.String(),
      'As the door saw it; null for what the platform did by itself.',
    ),
    userAgent: nullable(Type.String()),
    requestId: nullable(Type.String(), 'Of `requested` and of its outcome the same.'),
    before: Details,
    after: Details,
  },
  { title: 'AuditEntry' },
);

export const AuditPage = pageOf(AuditEntrySchema);

const filters = {
  actor: Type.Optional(Type.String({ maxLength: MAX_NAME_CHARACTERS })),
  action: Type.Optional(Type.String({ maxLength: MAX_NAME_CHARACTERS })),
  since: Type.Optional(Type.String({ maxLength: 40 })),
  until: Type.Optional(Type.String({ maxLength: 40 })),
  ...pageQuery,
};

export const AppAuditQuery = Type.Object(filters, { additionalProperties: false });

export const AuditQuery = Type.Object(
  { ...filters, app: Type.Optional(Type.String({ maxLength: 60 })) },
  { additionalProperties: false },
);

export const AuditVerifyQuery = Type.Object(
  { from: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER, default: 1 }) },
  { additionalProperties: false },
);

export const AuditVerificationSchema = Type.Object(
  {
    entries: Type.Integer({ description: 'How many this call looked at.' }),
    verifiedTo: Type.Integer({
      description: 'Of the last entry that was proved; the one before `from` when none was.',
    }),
    next: nullable(
      Type.Integer(),
      'Where to go on, with `from`; null at the end, or at a problem.',
    ),
    problem: nullable(
      Type.Object({
        sequence: Type.Integer({ description: 'The first that is not as it was written.' }),
        kind: Type.Enum([...AUDIT_PROBLEM_KINDS]),
        message: Type.String(),
      }),
    ),
  },
  { title: 'AuditVerification' },
);
