import { Type } from 'typebox';
import { pageOf } from '../paging.ts';

const NullableString = Type.Union([Type.String(), Type.Null()]);

const fields = {
  id: NullableString,
  names: Type.Array(Type.String()),
  app: NullableString,
  source: Type.Enum(['acme', 'local', 'upload']),
  state: Type.Enum(['valid', 'pending', 'failing', 'at-risk', 'expired']),
  notAfter: NullableString,
  nextAttempt: NullableString,
  problem: Type.Union([Type.Object({ message: Type.String(), hint: Type.String() }), Type.Null()]),
};

export const CertificateParams = Type.Object({ id: Type.String({ maxLength: 40 }) });

export const CertificatePage = pageOf(Type.Object(fields, { title: 'Certificate' }));

/** What is too long, or no PEM, is said by whoever reads it. */
export const CertificateBody = Type.Object(
  {
    chain: Type.String(),
    key: Type.String(),
    app: Type.Optional(Type.String({ maxLength: 60 })),
  },
  { additionalProperties: false },
);

export const UploadedCertificateSchema = Type.Object(
  {
    ...fields,
    id: Type.String(),
    warnings: Type.Array(Type.String()),
    replaced: Type.Array(Type.String()),
  },
  { title: 'UploadedCertificate' },
);

export const AuthoritySchema = Type.Object({ certificate: Type.String() });
