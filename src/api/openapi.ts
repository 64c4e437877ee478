import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import { nameSchemas } from './named-schemas.ts';
import { ProblemSchema } from './problem.ts';

type Document = Record<string, unknown> & {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, unknown> };
};

interface Operation {
  security?: object[];
  parameters?: { required?: boolean; schema?: object }[];
  requestBody?: unknown;
  responses?: Record<string, unknown>;
  'x-fn-idempotent'?: boolean;
  'x-fn-conditional'?: boolean;
}

/** What every operation may answer, beside what it is for. */
const PROBLEM = {
  description: 'A problem: what is wrong, and what to do about it',
  content: { 'application/problem+json': { schema: ProblemSchema } },
};

const IDEMPOTENCY_KEY = {
  in: 'header',
  name: 'Idempotency-Key',
  required: false,
  description:
    'Of your own choice: the same request with the same key is carried out once in 24 hours',
  schema: { type: 'string', maxLength: 202 },
};

const IF_MATCH = {
  in: 'header',
  name: 'If-Match',
  required: false,
  description:
    'The ETag of what was read: nothing is changed, and the answer is 412, when it has changed since',
  schema: { type: 'string', maxLength: 1_000 },
};

/** How the OpenAPI document is made from the routes' own schemas. */
export function openApiOptions(): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'gitfn control API',
        version: '1',
        description: 'Deploy functions, see what they do, and say who may.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } as { name: string },
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'A token: `fn tokens create`' },
        },
      },
      security: [{ token: [] }],
    },
    transform: ({ schema, url, route }) => ({
      url,
      schema: {
        ...schema,
        // Who may: what `can` is asked. Null where any token will do.
        'x-fn-action': route.config?.action ?? null,
        ...(route.config?.idempotent === true && { 'x-fn-idempotent': true }),
        ...(route.config?.isConditional === true && { 'x-fn-conditional': true }),
      } as FastifySchema,
    }),
    transformObject: (documents) =>
      'openapiObject' in documents ? complete(documents.openapiObject as Document) : {},
  };
}

function complete(document: Document): object {
  for (const operations of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(operations)) {
      const headers = [
        ...(operation['x-fn-idempotent'] === true ? [IDEMPOTENCY_KEY] : []),
        ...(operation['x-fn-conditional'] === true ? [IF_MATCH] : []),
      ];
      if (headers.length > 0) operation.parameters = [...(operation.parameters ?? []), ...headers];
      for (const parameter of operation.parameters ?? []) {
        if ('default' in (parameter.schema ?? {})) parameter.required = false;
      }
      operation.responses = { ...operation.responses, default: PROBLEM };
    }
  }
  return nameSchemas(document);
}
