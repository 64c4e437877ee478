import { Type } from 'typebox';
import { DOMAIN_PROOFS } from '../../model/domain.ts';
import { AppParams } from '../apps/schema.ts';
import { pageOf, pageQuery } from '../paging.ts';
import { nullable } from '../nullable.ts';

/** More than any name has, in any spelling: what is too long is said by the reader of names. */
const MAX_WRITTEN_CHARACTERS = 2_000;
const MAX_BRANCH_CHARACTERS = 300;

/** As people write it; it is read as that of a new domain is. */
const Written = Type.String({ maxLength: MAX_WRITTEN_CHARACTERS });

export const DomainParams = Type.Object({ ...AppParams.properties, name: Written });

export const DomainBody = Type.Object(
  {
    name: Written,
    branch: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_BRANCH_CHARACTERS,
        description: 'Branch or tag that it serves; without it, production.',
      }),
    ),
    redirectTo: Type.Optional(
      Type.String({
        maxLength: MAX_WRITTEN_CHARACTERS,
        description: 'Another domain of the app.',
      }),
    ),
  },
  { additionalProperties: false },
);

const domain = {
  name: Type.String({
    description: 'In A-labels and lower case, `*.example.com` for all names one level below.',
  }),
  displayName: Type.String({
    description: 'The same for people, where it has letters beyond ASCII.',
  }),
  state: Type.Enum(['pending', 'verified'], { description: 'Only a verified one is served.' }),
  url: Type.String({ description: 'Where it answers once it is verified and leads here.' }),
  branch: nullable(Type.String(), 'Branch or tag that it serves; null for production.'),
  redirectTo: nullable(
    Type.String(),
    "The app's domain that it redirects to, once that is verified.",
  ),
  proof: nullable(Type.Enum([...DOMAIN_PROOFS])),
  pointing: Type.Enum(['here', 'elsewhere', 'nowhere', 'unknown'], {
    description: '`unknown` before DNS was asked, and where it could not tell.',
  }),
  problem: nullable(
    Type.String(),
    'What keeps it from being verified, or from being reached; null when nothing does.',
  ),
  records: Type.Array(
    Type.Object({
      type: Type.Enum(['TXT', 'CNAME', 'A', 'AAAA', 'ALIAS']),
      name: Type.String(),
      value: Type.String(),
      purpose: Type.Enum(['proof', 'pointing', 'both']),
    }),
    {
      description:
        'What DNS is to have. A record for `both` proves the name and leads it here; without it one for `proof` and those for `pointing` are wanted.',
    },
  ),
  findings: Type.Array(
    Type.Object({
      type: Type.Enum(['TXT', 'CNAME', 'A']),
      name: Type.String(),
      server: nullable(Type.String()),
      outcome: Type.Enum(['expected', 'other', 'none', 'unknown-name', 'failed']),
      values: Type.Array(Type.String()),
      message: Type.String(),
    }),
    { description: 'What DNS had when it was last asked.' },
  ),
  certificate: nullable(
    Type.Object({
      state: Type.Enum(['valid', 'pending', 'failing', 'at-risk', 'expired'], {
        description:
          '`pending`: there is none yet, and nothing has failed. `failing`: there is none, or it is not renewed, with time left. `at-risk`: it is not renewed, and less than a third of its life is left.',
      }),
      expiresAt: nullable(Type.String(), 'Null when there is none.'),
      problem: nullable(Type.String()),
      hint: nullable(Type.String()),
    }),
    'Null where there is to be none: without HTTPS, and before it is verified.',
  ),
  checkedAt: nullable(Type.String()),
  nextCheckAt: nullable(Type.String(), 'When DNS will be asked again by itself; null for never.'),
  createdAt: Type.String(),
  verifiedAt: nullable(Type.String()),
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

export const DomainRemovalSchema = Type.Object(
  {
    name: Type.String(),
    quarantinedUntil: nullable(
      Type.String(),
      'Until then no other app gets the name; null for one that was never verified.',
    ),
    redirects: Type.Array(Type.String(), {
      description: 'Domains that redirected to it; they serve what they lead to themselves now.',
    }),
  },
  { title: 'DomainRemoval' },
);
