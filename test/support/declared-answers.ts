import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { Answer } from './ask.ts';
import { type OpenApiDocument, operationsOf } from './openapi-document.ts';

/** What an answer has that the description of the API does not, or null. */
export type FindUndeclared = (
  request: { method: string; path: string },
  answer: Answer,
) => string | null;

/**
 * Compares answers with the OpenAPI document by a validator that no server here uses: their status, their content type
 * and, of JSON, their body. `default` stands for problems alone. What asks for no operation is left alone, and so is
 * what the door answers before the API is asked.
 */
export function createFindUndeclared(document: OpenApiDocument): FindUndeclared {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false });
  ajv.addVocabulary(Object.keys(document));
  ajv.addSchema(document, 'document');
  const operations = operationsOf(document).map((one) => ({
    ...one,
    pattern: patternOf(one.path),
  }));
  // A path without parameters goes before one that would take its last part for one.
  operations.sort((one, other) => one.path.split('{').length - other.path.split('{').length);

  function compile(pointer: readonly string[]): ValidateFunction {
    const $ref = `document#/${pointer.map(escape).join('/')}`;
    return ajv.getSchema($ref) ?? ajv.compile({ $ref });
  }

  return ({ method, path }, { status, headers, body }) => {
    const [pathname = ''] = path.split('?');
    const found = operations.find((one) => one.method === method && one.pattern.test(pathname));
    if (found === undefined || OF_THE_DOOR.has(status)) return null;
    const { operation } = found;
    const where = `${operation.operationId} answers ${status}`;
    const key = String(status) in operation.responses || status < 400 ? String(status) : 'default';
    const declared = operation.responses[key];
    if (declared === undefined) return `${where}, which is not described`;
    const types = Object.keys(declared.content ?? {});
    const [type = ''] = (headers['content-type'] ?? '').split(';');
    if (types.length === 0) return body === '' ? null : `${where} with a body`;
    if (!types.includes(type)) return `${where} as "${type}", not as ${types.join(' or ')}`;
    if (!type.endsWith('json')) return null;
    const place = ['paths', found.path, method.toLowerCase(), 'responses', key];
    const validate = compile([...place, 'content', type, 'schema']);
    // Of a stream, each line is what the schema says.
    const texts = type.endsWith('ndjson') ? body.split('\n').filter((line) => line !== '') : [body];
    const wrong = texts.find((text) => !validate(JSON.parse(text)));
    if (wrong === undefined) return null;
    return `${where}: ${ajv.errorsText(validate.errors)}: ${wrong.slice(0, 300)}`;
  };
}

/** Heads that are too long: no operation is asked. */
const OF_THE_DOOR = new Set([431]);

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
}

/** RFC 6901 section 6. */
function escape(part: string): string {
  return encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
}
