import { Type } from 'typebox';
import { DOMAIN_PROOFS } from '../../model/domain.ts';
import { AppParams } from '../apps/schema.ts';
import { pageOf, pageQuery } from '../paging.ts';

/** More than any name has, in any spelling: what is too long is said by the reader of names. */
const MAX_WRITTEN_CHARACTERS = 2_000;
const MAX_BRANCH_CHARACTERS = 300;

const NullableString = Type.Union([Type.String(), Type.Null()]);
const Written = Type.String({ maxLength: MAX_WRITTEN_CHARACTERS });

export const DomainParams = Type.Object({ ...AppParams.properties, name: Written });

export const DomainBody = Type.Object(
  {
    name: Written,
    branch: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_BRANCH_CHARACTERS })),
    redirectTo: Type.Optional(Written),
  },
  { additionalProperties: false },
);

const domain = {
  name: Type.String(),
  displayName: Type.String(),
  state: Type.Enum(['pending', 'verified']),
  url: Type.String(),
  branch: NullableString,
  redirectTo: NullableString,
  proof: Type.Union([Type.Enum([...DOMAIN_PROOFS]), Type.Null()]),
  pointing: Type.Enum(['here', 'elsewhere', 'nowhere', 'unknown']),
  problem: NullableString,
  records: Type.Array(
    Type.Object({
      type: Type.Enum(['TXT', 'CNAME', 'A', 'AAAA', 'ALIAS']),
      name: Type.String(),
      value: Type.String(),
      purpose: Type.Enum(['proof', 'pointing', 'both']),
    }),
  ),
  findings: Type.Array(
    Type.Object({
      type: Type.Enum(['TXT', 'CNAME', 'A']),
      name: Type.String(),
      server: NullableString,
      outcome: Type.Enum(['expected', 'other', 'none', 'unknown-name', 'failed']),
      values: Type.Array(Type.String()),
      message: Type.String(),
    }),
  ),
  certificate: Type.Union([
    Type.Object({
      state: Type.Enum(['valid', 'pending', 'failing', 'at-risk', 'expired']),
      expiresAt: NullableString,
      problem: NullableString,
      hint: NullableString,
    }),
    Type.Null(),
  ]),
  checkedAt: NullableString,
  nextCheckAt: NullableString,
  createdAt: Type.String(),
  verifiedAt: NullableString,
};

export const DomainSchema = Type.Object(domain, { title: 'Domain' });

export const DomainPage = pageOf(DomainSchema);

export const AppDomainPage = pageOf(
  Type.Object({ app: Type.String(), ...domain }, { title: 'AppDomain' }),
);

export const DomainQuery = Type.Object(
  { ...pageQuery, state: Type.Optional(Type.Enum(['pending', 'verified'])) },
  { additionalProperties: false },
);

export const DomainRemovalSchema = Type.Object({
  name: Type.String(),
  quarantinedUntil: NullableString,
  redirects: Type.Array(Type.String()),
});
