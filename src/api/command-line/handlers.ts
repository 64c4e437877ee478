import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Type } from 'typebox';
import { PlatformError } from '../../protocol/errors.ts';
import { isPrivateConnection, privateConnectionHint } from '../../protocol/peer.ts';
import type { ApiDeps } from '../ports.ts';
import type { ApiInstance } from '../server.ts';

interface CommandLine {
  content: Buffer;
  etag: string;
}

/** The command line of this very server: `curl -fsS URL/cli/fn.mjs -o fn` is all that an installation takes. */
export function commandLineRoutes(api: ApiInstance, { commandLineFile, address }: ApiDeps): void {
  let loading: Promise<CommandLine> | null = null;

  api.get(
    '/cli/fn.mjs',
    {
      config: { action: null },
      schema: {
        operationId: 'downloadCommandLine',
        tags: ['server'],
        summary: 'Download the command line, one file for Node 20 and newer; takes no token',
        security: [],
        response: {
          200: { content: { 'text/javascript': { schema: Type.Unsafe<Buffer>(Type.String()) } } },
          304: Type.Null({ description: 'It is the one that If-None-Match names' }),
        },
      },
    },
    async (request, reply) => {
      if (!isPrivateConnection(request.headers)) {
        const why = 'anybody on the way could put in another';
        throw new PlatformError('forbidden', `no program is handed out over plain http: ${why}`, {
          hint: privateConnectionHint(address),
        });
      }
      loading ??= load(commandLineFile);
      const { content, etag } = await loading;
      // Whoever has it asks whether it is still the one.
      reply.headers({ etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' });
      if (request.headers['if-none-match'] === etag) return reply.code(304).send(null);
      return reply.type('text/javascript; charset=utf-8').send(content);
    },
  );
}

async function load(file: string): Promise<CommandLine> {
  const content = await readFile(file);
  return { content, etag: `"${createHash('sha256').update(content).digest('base64url')}"` };
}
