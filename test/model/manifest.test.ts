import { join } from 'node:path';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { FnManifestSchema } from '../../src/model/manifest.ts';

const PUBLISHED = join(import.meta.dirname, '../../docs/fn.schema.json');

interface SchemaNode {
  title?: string;
  description?: string;
  examples?: unknown[];
  default?: unknown;
  const?: unknown;
  properties?: Record<string, SchemaNode>;
  patternProperties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  anyOf?: SchemaNode[];
}

/** Every field of fn.json with its path, however deep. */
function fieldsOf(schema: SchemaNode, path = ''): [string, SchemaNode][] {
  const own = Object.entries(schema.properties ?? {}).map(([key, field]): [string, SchemaNode] => [
    path === '' ? key : `${path}.${key}`,
    field,
  ]);
  const inner = [
    ...own,
    ...Object.values(schema.patternProperties ?? {}).map((node): [string, SchemaNode] => [
      `${path}.*`,
      node,
    ]),
    ...(schema.items === undefined ? [] : [[`${path}[]`, schema.items] as [string, SchemaNode]]),
    ...(schema.anyOf ?? []).map((node): [string, SchemaNode] => [path, node]),
  ];
  return [...own, ...inner.flatMap(([name, node]) => fieldsOf(node, name))];
}

describe('the description of fn.json', () => {
  it('is published as it is; vitest --update writes it anew', async () => {
    const text = `${JSON.stringify(FnManifestSchema, null, 2)}\n`;
    await expect(text).toMatchFileSnapshot(PUBLISHED);
  });

  it('says of every field what it is, with examples that it takes', () => {
    const fields = fieldsOf(FnManifestSchema as SchemaNode);
    expect(fields.length).toBeGreaterThan(40);
    for (const [path, field] of fields) {
      expect(field.title, path).toMatch(/./);
      expect(field.description, path).toMatch(/\.$/);
      expect(field.examples?.length ?? 0, path).toBeGreaterThan(0);
      for (const example of [...(field.examples ?? []), field.default ?? field.examples?.[0]]) {
        expect(Value.Check(field, example), `${path}: ${JSON.stringify(example)}`).toBe(true);
      }
    }
  });
});
