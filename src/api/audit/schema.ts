import { Type } from 'typebox';
import { AUDIT_PROBLEM_KINDS } from '../../protocol/audit-api.ts';
import { pageOf, pageQuery } from '../paging.ts';

const MAX_NAME_CHARACTERS = 200;

const NullableString = Type.Union([Type.String(), Type.Null()]);
const Details = Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]);

const AuditEntrySchema = Type.Object({
  sequence: Type.Integer(),
  at: Type.String(),
  outcome: Type.Enum(['requested', 'succeeded', 'failed']),
  reason: NullableString,
  actor: Type.Object({ kind: Type.String(), id: NullableString, name: NullableString }),
  action: Type.String(),
  app: NullableString,
  target: NullableString,
  address: NullableString,
  userAgent: NullableString,
  requestId: NullableString,
  before: Details,
  after: Details,
});

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

export const AuditVerificationSchema = Type.Object({
  entries: Type.Integer(),
  verifiedTo: Type.Integer(),
  next: Type.Union([Type.Integer(), Type.Null()]),
  problem: Type.Union([
    Type.Object({
      sequence: Type.Integer(),
      kind: Type.Enum([...AUDIT_PROBLEM_KINDS]),
      message: Type.String(),
    }),
    Type.Null(),
  ]),
});
