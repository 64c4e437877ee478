import {
  type JsonSchema,
  type OpenApiDocument,
  type OpenApiOperation,
  operationsOf,
} from '../support/openapi-document.ts';
import { type Input, type OperationId, urlOf } from './caller.ts';
import { REQUESTS } from './requests.ts';
import type { World } from './world.ts';

/** What a place takes: text, a number, or the name of a field. */
export type Kind = 'text' | 'number' | 'name';

/** Somewhere in a request where a client puts a value of its own. */
export interface Place {
  /** For whoever reads why a test failed. */
  where: string;
  /** What is asked with the value in this place, and with what is right in all others. */
  ask: (value: string) => { path: string; body?: string; headers?: Record<string, string> };
}

export interface PlacedOperation {
  id: OperationId;
  method: string;
  path: string;
  operation: OpenApiOperation;
}

/** All operations that a document describes. */
export function placedOperations(document: OpenApiDocument): PlacedOperation[] {
  return operationsOf(document).map((one) => ({
    ...one,
    id: one.operation.operationId as OperationId,
  }));
}

/** Stands for a number until the body is text: JSON.stringify knows no `1e999`. */
const NUMBER = 'number-6d1f';

/**
 * Every place of a kind in the requests of an operation: in the path, the query, the headers that it has and, however
 * deep, its body. What is put into the other places is what the operation is tried with elsewhere, or `base`.
 */
export function placesOf(
  { id, path, operation }: PlacedOperation,
  kind: Kind,
  { document, world, base }: { document: OpenApiDocument; world: World; base?: Input },
): Place[] {
  const { params = {}, query = {}, body } = base ?? REQUESTS[id].input(world);
  const url = urlOf(path, params, query);
  const text: { body?: string } = body === undefined ? {} : { body: JSON.stringify(body) };
  const outside = (operation.parameters ?? []).filter(({ schema }) => kindOf(schema) === kind);
  const places: Place[] = outside.map(({ in: place, name }) => ({
    where: `${place} ${name}`,
    ask: (value) => {
      if (place === 'header') return { path: url, ...text, headers: { [name]: value } };
      // Half a character is in no URL.
      const changed = { [name]: value.toWellFormed() };
      const changedUrl =
        place === 'path'
          ? urlOf(path, { ...params, ...changed }, query)
          : urlOf(path, params, { ...query, ...changed });
      return { path: changedUrl, ...text };
    },
  }));
  const schema = operation.requestBody?.content?.['application/json']?.schema;
  const inBody = schema === undefined ? [] : leavesOf(schema, kind, document);
  return [
    ...places,
    ...inBody.map(({ where, make }) => ({
      where: `body ${where}`,
      ask: (value: string) => {
        const made = make(kind === 'number' ? NUMBER : value);
        const whole = isObject(made) && isObject(body) ? { ...body, ...made } : made;
        return { path: url, body: JSON.stringify(whole).replace(`"${NUMBER}"`, value) };
      },
    })),
  ];
}

interface Leaf {
  where: string;
  /** The smallest value of the schema with this one in it. */
  make: (value: string) => unknown;
}

function leavesOf(given: JsonSchema, kind: Kind, document: OpenApiDocument): Leaf[] {
  const schema = resolved(given, document);
  if (schema.anyOf !== undefined) {
    return schema.anyOf.flatMap((one) => leavesOf(one, kind, document));
  }
  if (kindOf(schema) === kind) return [{ where: '', make: (value) => value }];
  if (schema.type === 'array') {
    const leaves = leavesOf(schema.items ?? {}, kind, document);
    return leaves.map(({ where, make }) => ({
      where: `[]${where}`,
      make: (value) => [make(value)],
    }));
  }
  return schema.type === 'object' ? leavesOfObject(schema, kind, document) : [];
}

function leavesOfObject(schema: JsonSchema, kind: Kind, document: OpenApiDocument): Leaf[] {
  const { properties = {}, required = [], additionalProperties } = schema;
  const others = Object.fromEntries(
    required.map((name) => [name, sampleOf(properties[name] ?? {}, document)]),
  );
  const inner = {
    ...properties,
    ...(isObject(additionalProperties) && { A: additionalProperties }),
  };
  const leaves: Leaf[] = Object.entries(inner).flatMap(([name, one]) =>
    leavesOf(one as JsonSchema, kind, document).map(({ where, make }) => ({
      where: `.${name}${where}`,
      make: (value) => ({ ...others, [name]: make(value) }),
    })),
  );
  if (kind !== 'name') return leaves;
  return [{ where: '{}', make: (value) => ({ ...others, [value]: 'x' }) }, ...leaves];
}

/** Something that the schema allows. */
function sampleOf(given: JsonSchema, document: OpenApiDocument): unknown {
  const schema = resolved(given, document);
  if (schema.anyOf !== undefined) return sampleOf(schema.anyOf[0] ?? {}, document);
  if (schema.enum !== undefined) return schema.enum[0];
  if (schema.type === 'array') return [];
  if (schema.type === 'boolean') return true;
  if (kindOf(schema) === 'number') return schema.minimum ?? 1;
  if (schema.type !== 'object') return 'A'.padEnd(schema.minLength ?? 1, 'x');
  const { properties = {}, required = [] } = schema;
  return Object.fromEntries(
    required.map((name) => [name, sampleOf(properties[name] ?? {}, document)]),
  );
}

function kindOf({ type, enum: values }: JsonSchema): Kind | null {
  if (type === 'integer' || type === 'number') return 'number';
  return type === 'string' || values !== undefined ? 'text' : null;
}

function resolved(schema: JsonSchema, { components }: OpenApiDocument): JsonSchema {
  const { $ref } = schema;
  return $ref === undefined ? schema : (components.schemas[$ref.split('/').at(-1) ?? ''] ?? {});
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
