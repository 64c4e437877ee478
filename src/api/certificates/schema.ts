import { Type } from 'typebox';
import { pageOf } from '../paging.ts';
import { nullable } from '../nullable.ts';

const fields = {
  id: nullable(Type.String(), 'Null for one that was not issued yet.'),
  names: Type.Array(Type.String(), {
    description: 'A-labels in lower case, `*.example.com`, or IP addresses.',
  }),
  app: nullable(Type.String(), "Null: the platform's own."),
  source: Type.Enum(['acme', 'local', 'upload'], {
    description: "Ordered at a certificate authority, issued by this machine's own, or uploaded.",
  }),
  state: Type.Enum(['valid', 'pending', 'failing', 'at-risk', 'expired'], {
    description:
      '`pending`: there is none yet, and nothing has failed. `failing`: it could not be ordered or renewed, and there is time. `at-risk`: it ends soon, and there is nothing in its place.',
  }),
  notAfter: nullable(Type.String()),
  nextAttempt: nullable(
    Type.String(),
    'When the platform orders, renews or tries again; null where it does nothing by itself.',
  ),
  problem: nullable(Type.Object({ message: Type.String(), hint: Type.String() })),
};

export const CertificateParams = Type.Object({ id: Type.String({ maxLength: 40 }) });

export const CertificatePage = pageOf(Type.Object(fields, { title: 'Certificate' }));

/** What is too long, or no PEM, is said by whoever reads it. */
export const CertificateBody = Type.Object(
  {
    chain: Type.String({ description: 'PEM, leaf first.' }),
    key: Type.String({ description: 'PEM, unencrypted.' }),
    app: Type.Optional(
      Type.String({
        maxLength: 60,
        description:
          'Whose domains it is for; without it, those of the platform, which only an admin may change.',
      }),
    ),
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
