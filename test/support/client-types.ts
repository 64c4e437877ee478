import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import {
  type JsonSchema,
  type OpenApiDocument,
  type OpenApiOperation,
  operationsOf,
} from './openapi-document.ts';

const PROJECT = resolve(import.meta.dirname, '../..');
export const CLIENT_TYPES = resolve(PROJECT, 'src/protocol/control-client.generated.ts');

const HEADER = `/**
 * The control API as its server and its clients see it: made from its OpenAPI document by \`npm run generate\`, and compared with it by
 * test/api/client-types.test.ts. Over 300 lines, since nobody edits it.
 */
`;

/** The source of control-client.generated.ts: a type of each named schema, and of each operation's input and answer. */
export function clientTypes(document: OpenApiDocument): string {
  const operations = operationsOf(document);
  const wanted = JSON.stringify([operations.map(answersOf), document.components.schemas]);
  const schemas = Object.entries(document.components.schemas)
    .filter(([name]) => wanted.includes(`/schemas/${name}"`))
    .toSorted(byName);
  const text = [
    HEADER,
    ...schemas.map(
      ([name, schema]) =>
        `${comment(schema.description)}export type ${name} = ${typeOf(schema)};\n`,
    ),
    '/** What each operation takes and gives. */\nexport interface Operations {',
    ...operations.map(({ operation }) => describe(operation)),
    '}\n',
    '/** Where each operation is. */\nexport const OPERATIONS = {',
    ...operations.map(({ method, path, operation }) => locate(method, path, operation)),
    '} as const satisfies Record<keyof Operations, object>;',
  ].join('\n');
  return execFileSync(
    resolve(PROJECT, 'node_modules/.bin/oxfmt'),
    [`--stdin-filepath=${CLIENT_TYPES}`],
    {
      cwd: PROJECT,
      input: text,
      encoding: 'utf8',
    },
  );
}

/** All but problems, which clients know from errors.ts. */
function answersOf({ operation: { responses, ...rest } }: { operation: OpenApiOperation }): object {
  const { default: _, ...answers } = responses;
  return { ...rest, answers };
}

function byName([one]: [string, unknown], [other]: [string, unknown]): number {
  return one < other ? -1 : 1;
}

function describe(operation: OpenApiOperation): string {
  const parts = [
    ...parametersOf(operation, 'path', 'params'),
    ...parametersOf(operation, 'query', 'query'),
    ...bodyOf(operation),
  ];
  const input = parts.length === 0 ? 'object' : `{ ${parts.join(' ')} }`;
  return `${comment(operation.summary)}${operation.operationId}: { input: ${input}; answer: ${answerOf(operation)} };`;
}

function locate(method: string, path: string, operation: OpenApiOperation): string {
  const once = operation['x-fn-idempotent'] === true ? ', isOnce: true' : '';
  return `${operation.operationId}: { method: '${method}', path: '${path}'${once} },`;
}

function parametersOf(
  { parameters = [] }: OpenApiOperation,
  place: string,
  name: string,
): string[] {
  const ours = parameters.filter((parameter) => parameter.in === place);
  if (ours.length === 0) return [];
  const fields = ours.map(({ name: field, required, schema }) => {
    return `${comment(schema.description)}${quote(field)}${required === true ? '' : '?'}: ${typeOf(schema)};`;
  });
  const isNeeded = ours.some(({ required }) => required === true);
  return [`${name}${isNeeded ? '' : '?'}: { ${fields.join(' ')} };`];
}

function bodyOf({ requestBody }: OpenApiOperation): string[] {
  const schema = requestBody?.content?.['application/json']?.schema;
  return schema === undefined ? [] : [`body: ${typeOf(schema)};`];
}

/** JSON; undefined without content; of what comes line by line, one line. */
function answerOf({ responses }: OpenApiOperation): string {
  const [, answer] = Object.entries(responses).find(([status]) => status.startsWith('2')) ?? [];
  const { content = {} } = answer ?? {};
  const [first] = Object.values(content);
  const schema = content['application/json']?.schema ?? first?.schema;
  return schema === undefined ? 'undefined' : typeOf(schema);
}

function typeOf(schema: JsonSchema): string {
  const { $ref, anyOf, enum: values } = schema;
  if ($ref !== undefined) return $ref.slice($ref.lastIndexOf('/') + 1);
  if (anyOf !== undefined) return anyOf.map((one) => typeOf(one)).join(' | ');
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(' | ');
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.type === 'array') return `(${typeOf(schema.items ?? {})})[]`;
  if (schema.type === 'object') return objectOf(schema);
  if (schema.type === 'integer') return 'number';
  return schema.type ?? 'unknown';
}

function objectOf({ properties, patternProperties = {}, required = [] }: JsonSchema): string {
  const [values] = Object.values(patternProperties);
  if (properties === undefined) return `Record<string, ${values ? typeOf(values) : 'unknown'}>`;
  const fields = Object.entries(properties).map(([name, schema]) => {
    const isNeeded = required.includes(name);
    return `${comment(schema.description)}${quote(name)}${isNeeded ? '' : '?'}: ${typeOf(schema)};`;
  });
  return fields.length === 0 ? 'Record<string, unknown>' : `{ ${fields.join('\n')} }`;
}

function quote(name: string): string {
  return /^\w+$/.test(name) ? name : JSON.stringify(name);
}

function comment(text: string | undefined): string {
  return text === undefined ? '' : `/** ${text.replaceAll('*/', '* /')} */\n`;
}
