import { type TNull, type TSchema, type TUnion, Type } from 'typebox';

/** A field that is always there, and null where it has nothing to say. */
export function nullable<Schema extends TSchema>(
  schema: Schema,
  description?: string,
): TUnion<[Schema, TNull]> {
  return Type.Union([schema, Type.Null()], description === undefined ? {} : { description });
}
