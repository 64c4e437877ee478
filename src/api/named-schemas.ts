import { isDeepStrictEqual } from 'node:util';
import { assert } from '../std/assert.ts';

type Json = Record<string, unknown>;

/** A schema whose title is a name is one of the document's components, wherever it stands. */
const NAME = /^[A-Z][A-Za-z]+$/;

/**
 * The OpenAPI document with each titled schema said once, under its title, and referred to wherever it is used. The
 * routes' schemas stay whole objects, since what validates and serializes has no need of references.
 */
export function nameSchemas(document: Json): Json {
  const schemas: Record<string, unknown> = {};

  function visit(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(visit);
    if (typeof value !== 'object' || value === null) return value;
    const copy = Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, visit(child)]),
    );
    const { title } = copy;
    if (typeof title !== 'string' || !NAME.test(title)) return copy;
    const { title: _, ...schema } = copy;
    assert(
      !(title in schemas) || isDeepStrictEqual(schemas[title], schema),
      `one schema has the title ${title}`,
    );
    schemas[title] = schema;
    return { $ref: `#/components/schemas/${title}` };
  }

  const paths = visit(document['paths']);
  const components = { ...(document['components'] as Json), schemas };
  return { ...document, paths, components };
}
