import type { AnyNode, ImportDeclaration, Node } from 'acorn';
import { walk } from '../walk-program.ts';

/** What a program imports of one package: names, `default` among them, or everything. */
export type ImportedNames = ReadonlySet<string> | 'all';

/**
 * What a module's import statements name, by the package that they name it of. Null where one has attributes, which
 * decide about more than names.
 *
 * Of `import * as all` only the properties that are read count, as long as `all` itself goes nowhere. That no other
 * variable has its name is the bundler's doing: the program is its output.
 */
export function importedNames(program: Node): Map<string, ImportedNames> | null {
  const found = new Map<string, ImportedNames>();
  const namespaces = new Map<string, string>();
  const add = (path: string, names: Iterable<string>): void => {
    const known = found.get(path);
    if (known !== 'all') found.set(path, new Set([...(known ?? []), ...names]));
  };
  let hasAttributes = false;
  walk(program as AnyNode, [], (node) => {
    if (node.type !== 'ImportDeclaration') return;
    hasAttributes ||= node.attributes.length > 0;
    add(String(node.source.value), namesOf(node));
    for (const { type, local } of node.specifiers) {
      if (type === 'ImportNamespaceSpecifier') {
        namespaces.set(local.name, String(node.source.value));
      }
    }
  });
  for (const [path, names] of propertiesOf(program, namespaces)) {
    if (names === 'all') found.set(path, 'all');
    else add(path, names);
  }
  return hasAttributes ? null : found;
}

function namesOf({ specifiers }: ImportDeclaration): string[] {
  return specifiers.flatMap((specifier) => {
    if (specifier.type === 'ImportDefaultSpecifier') return ['default'];
    if (specifier.type === 'ImportNamespaceSpecifier') return [];
    const { imported } = specifier;
    return [imported.type === 'Identifier' ? imported.name : String(imported.value)];
  });
}

/** `namespaces` are paths by the variable that holds all of a package. */
function propertiesOf(
  program: Node,
  namespaces: ReadonlyMap<string, string>,
): Map<string, ImportedNames> {
  const found = new Map<string, ImportedNames>();
  if (namespaces.size === 0) return found;
  walk(program as AnyNode, [], (node, ancestors) => {
    if (node.type !== 'Identifier') return;
    const path = namespaces.get(node.name);
    const parent = ancestors.at(-1);
    if (path === undefined || parent === undefined || isMereName(node, parent)) return;
    const known = found.get(path);
    const property = readProperty(node, parent);
    if (property === null || known === 'all') found.set(path, 'all');
    else found.set(path, new Set([...(known ?? []), property]));
  });
  return found;
}

/** The import itself, and names that stand behind a dot or before a colon. */
function isMereName(node: AnyNode, parent: AnyNode): boolean {
  switch (parent.type) {
    case 'ImportNamespaceSpecifier':
    case 'ImportSpecifier':
      return true;
    case 'MemberExpression':
      return parent.property === node && !parent.computed;
    case 'Property':
      return parent.key === node && !parent.computed && !parent.shorthand;
    case 'MethodDefinition':
    case 'PropertyDefinition':
      return parent.key === node && !parent.computed;
    default:
      return false;
  }
}

/** The property of `all.property`; null for any other use of `all`. */
function readProperty(node: AnyNode, parent: AnyNode): string | null {
  if (parent.type !== 'MemberExpression' || parent.object !== node || parent.computed) return null;
  return parent.property.type === 'Identifier' ? parent.property.name : null;
}
