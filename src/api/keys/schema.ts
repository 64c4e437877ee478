import { Type } from 'typebox';
import { nullable } from '../nullable.ts';
import { pageOf } from '../paging.ts';

const MAX_NAME_CHARACTERS = 100;
/** More than any key has; what is too long is said by the reader of keys. */
const MAX_KEY_CHARACTERS = 20_000;

export const KeySchema = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    algorithm: Type.String({ examples: ['ssh-ed25519'] }),
    publicKey: Type.String({ description: 'As authorized_keys has it, without a comment' }),
    fingerprint: Type.String({ description: 'As `ssh-keygen -l` prints it' }),
    createdAt: Type.String(),
  },
  { title: 'Key' },
);

export const SshSchema = Type.Object(
  {
    endpoint: nullable(
      Type.Object({
        host: Type.String(),
        port: Type.Integer(),
        hostKey: Type.String({ description: 'As known_hosts has it, without the host' }),
        fingerprint: Type.String({ description: 'As `ssh-keygen -l` prints it' }),
      }),
      'Null where git is not answered over SSH',
    ),
  },
  { title: 'Ssh' },
);

export const KeyPage = pageOf(KeySchema);

export const KeyBody = Type.Object(
  {
    publicKey: Type.String({
      maxLength: MAX_KEY_CHARACTERS,
      description: 'The line of a .pub file: ed25519, ecdsa, or rsa of at least 3072 bits',
    }),
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: MAX_NAME_CHARACTERS,
        description: 'Without it, the comment of the key',
      }),
    ),
  },
  { additionalProperties: false },
);

export const KeyParams = Type.Object({ id: Type.String({ maxLength: 40 }) });
