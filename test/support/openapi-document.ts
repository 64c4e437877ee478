import { createApi } from '../../src/api/index.ts';

/** What of a JSON schema the routes' schemas have. */
export interface JsonSchema {
  $ref?: string;
  type?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  patternProperties?: Record<string, JsonSchema>;
  additionalProperties?: boolean | JsonSchema;
  required?: string[];
  items?: JsonSchema;
  default?: unknown;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
}

interface Content {
  content?: Record<string, { schema: JsonSchema }>;
}

export interface OpenApiOperation {
  operationId: string;
  summary: string;
  tags: string[];
  security?: object[];
  parameters?: {
    in: 'path' | 'query' | 'header';
    name: string;
    required?: boolean;
    schema: JsonSchema;
  }[];
  requestBody?: Content;
  responses: Record<string, Content & { description: string }>;
  'x-fn-action': string | null;
  'x-fn-idempotent'?: true;
}

export interface OpenApiDocument {
  openapi: string;
  paths: Record<string, Record<string, OpenApiOperation>>;
  components: { schemas: Record<string, JsonSchema> };
}

/** The document as a server gives it, without one: no route is asked for anything. */
export async function readOpenApiDocument(): Promise<OpenApiDocument> {
  const played: unknown = new Proxy(() => played, {
    get: (_, name) => (name === 'then' ? undefined : played),
    apply: () => played,
  });
  const api = await createApi(played as Parameters<typeof createApi>[0]);
  const document: unknown = api.swagger();
  await api.close();
  return document as OpenApiDocument;
}

/** All operations of the document, with where they are. */
export function operationsOf(
  document: OpenApiDocument,
): { method: string; path: string; operation: OpenApiOperation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      operation,
    })),
  );
}
