import { Type } from 'typebox';
import { parseSshKey } from '../../model/ssh-key.ts';
import { PlatformError } from '../../protocol/errors.ts';
import { newId } from '../../std/ids.ts';
import { deleteSshKey, insertSshKey, listSshKeys, type SshKeyRow } from '../../store/ssh-keys.ts';
import { dateOf, PageQuery, presentPage, readPage } from '../paging.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';
import { presentKey, presentSsh } from './present.ts';
import { KeyBody, KeyPage, KeyParams, KeySchema, SshSchema } from './schema.ts';

/** Of each token. */
const MAX_KEYS = 50;

const OLDEST_FIRST = {
  list: 'listKeys',
  keyOf: ({ createdAt, id }: SshKeyRow) => [createdAt.getTime(), id] as const,
  types: ['number', 'string'] as const,
};

/** Keys of who asks, and of nobody else: so every token may. */
export function keyRoutes(api: ApiInstance, deps: ApiDeps): void {
  const { db } = deps;
  api.get(
    '/ssh',
    {
      config: { action: null },
      schema: {
        operationId: 'getSsh',
        tags: ['keys'],
        summary: 'Show where git answers over SSH, and by which key it is known',
        response: { 200: SshSchema },
      },
    },
    async () => presentSsh(deps),
  );

  api.get(
    '/keys',
    {
      config: { action: null },
      schema: {
        operationId: 'listKeys',
        tags: ['keys'],
        summary: 'List the SSH public keys of the token',
        querystring: PageQuery,
        response: { 200: KeyPage },
      },
    },
    async ({ actor, query }) => {
      const page = await readPage(query, OLDEST_FIRST, (after, limit) => {
        const place = after && { createdAt: dateOf(after[0]), id: after[1] };
        return listSshKeys(db, actor.tokenId, { after: place, limit });
      });
      return presentPage(page, presentKey);
    },
  );

  api.post(
    '/keys',
    {
      config: { action: null, idempotent: true },
      schema: {
        operationId: 'addKey',
        tags: ['keys'],
        summary: 'Add an SSH public key to the token',
        body: KeyBody,
        response: { 201: KeySchema },
      },
    },
    async ({ actor, body }, reply) => {
      const key = parseSshKey(body.publicKey);
      if (typeof key === 'string') throw notAKey(key);
      const { comment, ...stored } = key;
      const name = body.name ?? (comment === '' ? key.algorithm : comment);
      const row = { id: newId('key'), tokenId: actor.tokenId, name, ...stored };
      const inserted = await insertSshKey(db, row, MAX_KEYS);
      if (typeof inserted === 'string') throw notAdded(inserted, key.fingerprint);
      return reply.code(201).send(presentKey(inserted));
    },
  );

  api.delete(
    '/keys/:id',
    {
      config: { action: null },
      schema: {
        operationId: 'removeKey',
        tags: ['keys'],
        summary: 'Remove an SSH public key of the token',
        params: KeyParams,
        response: { 204: Type.Null({ description: 'It is removed' }) },
      },
    },
    async ({ actor, params }, reply) => {
      if (await deleteSshKey(db, actor.tokenId, params.id)) return reply.code(204).send(null);
      throw new PlatformError('not-found', `this token has no key ${params.id}`, {
        hint: 'fn keys list shows those that it has',
      });
    },
  );
}

function notAKey(problem: string): PlatformError {
  return new PlatformError('bad-request', `this is no public key that is taken: ${problem}`, {
    hint: 'give the .pub file of one that ssh-keygen made: ssh-keygen -t ed25519',
  });
}

function notAdded(reason: 'known' | 'many', fingerprint: string): PlatformError {
  if (reason === 'many') {
    return new PlatformError('conflict', `this token has ${MAX_KEYS} keys already`, {
      hint: 'remove one that is not used any more: fn keys list, fn keys remove ID',
    });
  }
  return new PlatformError('conflict', `the key ${fingerprint} is in use already`, {
    hint: 'a key is of one token only; make another: ssh-keygen -t ed25519',
  });
}
