import type { AnyNode, Expression, Node, ObjectPattern, PrivateIdentifier } from 'acorn';
import { type Ancestors, walk } from './walk-program.ts';

export interface FoundRead {
  name: string;
  /** From 1. */
  line: number;
  /** From 0. */
  column: number;
  hasDefault: boolean;
}

/**
 * Finds reads of environment variables in a program: `process.env.NAME`, `process.env['NAME']`, destructuring, the same
 * of `import.meta.env` and `Bun.env` or of a constant that holds one of them, `'NAME' in process.env`, and
 * `Deno.env.get('NAME')`.
 */
export function findReads(program: Node): FoundRead[] {
  const reads: FoundRead[] = [];
  const aliases = findAliases(program as AnyNode);
  const isEnvironment = (node: AnyNode | null | undefined): boolean =>
    isEnvironmentObject(node) || (node?.type === 'Identifier' && aliases.has(node.name));
  walk(program as AnyNode, [], (node, ancestors) => {
    const add = (name: string | null, hasDefault: boolean, at: AnyNode = node): void => {
      const { line = 1, column = 0 } = at.loc?.start ?? {};
      if (name !== null) reads.push({ name, line, column, hasDefault });
    };
    if (node.type === 'MemberExpression' && isEnvironment(node.object)) {
      const use = useOf(node, ancestors);
      if (use !== 'written') add(propertyName(node.property, node.computed), use === 'guarded');
    } else if (node.type === 'VariableDeclarator' && isEnvironment(node.init)) {
      if (node.id.type === 'ObjectPattern') addPattern(node.id, add);
    } else if (node.type === 'AssignmentExpression' && isEnvironment(node.right)) {
      if (node.left.type === 'ObjectPattern') addPattern(node.left, add);
    } else if (node.type === 'BinaryExpression' && node.operator === 'in') {
      if (isEnvironment(node.right)) add(literal(node.left), true);
    } else if (node.type === 'CallExpression' && isPath(node.callee, ['Deno', 'env', 'get'])) {
      add(literal(node.arguments[0]), useOf(node, ancestors) === 'guarded');
    }
  });
  return reads;
}

function addPattern(
  { properties }: ObjectPattern,
  add: (name: string | null, hasDefault: boolean, at: AnyNode) => void,
): void {
  for (const property of properties) {
    if (property.type !== 'Property') continue;
    const hasDefault = property.value.type === 'AssignmentPattern';
    add(propertyName(property.key, property.computed), hasDefault, property);
  }
}

/** `process.env`, `import.meta.env`, `Bun.env`, also of globalThis. */
function isEnvironmentObject(node: AnyNode | null | undefined): boolean {
  if (isPath(node, ['process', 'env']) || isPath(node, ['Bun', 'env'])) return true;
  if (isPath(node, ['globalThis', 'process', 'env'])) return true;
  if (node?.type !== 'MemberExpression' || node.object.type !== 'MetaProperty') return false;
  return propertyName(node.property, node.computed) === 'env';
}

/** Whether a node is `a.b.c` of these names. */
function isPath(node: AnyNode | null | undefined, names: readonly string[]): boolean {
  const last = names.at(-1);
  if (names.length === 1) return node?.type === 'Identifier' && node.name === last;
  return (
    node?.type === 'MemberExpression' &&
    propertyName(node.property, node.computed) === last &&
    isPath(node.object, names.slice(0, -1))
  );
}

/** Names that stand for the environment in the whole file: constants, and `env` of node:process. */
function findAliases(program: AnyNode): Set<string> {
  const aliases = new Set<string>();
  const parameters = new Set<string>();
  walk(program, [], (node) => {
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier') {
      if (isEnvironmentObject(node.init)) aliases.add(node.id.name);
    } else if (node.type === 'VariableDeclarator' && isPath(node.init, ['process'])) {
      for (const name of envProperty(node.id)) aliases.add(name);
    } else if (
      node.type === 'ImportDeclaration' &&
      /^(node:)?process$/.test(String(node.source.value))
    ) {
      for (const { type, local, ...rest } of node.specifiers) {
        const imported = type === 'ImportSpecifier' && 'imported' in rest ? rest.imported : null;
        if (imported?.type === 'Identifier' && imported.name === 'env') aliases.add(local.name);
      }
    } else if ('params' in node) {
      for (const parameter of node.params) {
        if (parameter.type === 'Identifier') parameters.add(parameter.name);
      }
    }
  });
  // A parameter of the same name is something else, as the env of a Workers handler: in doubt nothing is a read.
  return aliases.difference(parameters);
}

/** The names that `const { env } = process` gives. */
function envProperty(pattern: AnyNode): string[] {
  if (pattern.type !== 'ObjectPattern') return [];
  return pattern.properties.flatMap((property) =>
    property.type === 'Property' &&
    propertyName(property.key, property.computed) === 'env' &&
    property.value.type === 'Identifier'
      ? [property.value.name]
      : [],
  );
}

/** Guarded: the code goes on when there is no value. */
function useOf(read: AnyNode, ancestors: Ancestors): 'plain' | 'guarded' | 'written' {
  let node = read;
  for (const parent of ancestors.toReversed()) {
    switch (parent.type) {
      case 'ChainExpression':
        break;
      case 'LogicalExpression':
        if (parent.left === node) return 'guarded';
        break; // The right operand is what the whole is.
      case 'IfStatement':
      case 'ConditionalExpression':
      case 'WhileStatement':
        return parent.test === node ? 'guarded' : 'plain';
      case 'UnaryExpression':
        return parent.operator === 'delete'
          ? 'written'
          : parent.operator === '-' || parent.operator === '+'
            ? 'plain'
            : 'guarded';
      case 'BinaryExpression':
        return /^[!=]==?$/.test(parent.operator) ? 'guarded' : 'plain';
      case 'MemberExpression':
        return parent.object === node && parent.optional ? 'guarded' : 'plain';
      case 'AssignmentExpression':
        if (parent.left !== node) return 'plain';
        return parent.operator === '=' ? 'written' : 'guarded';
      case 'CallExpression':
        return isPath(parent.callee, ['Boolean']) ? 'guarded' : 'plain';
      default:
        return 'plain';
    }
    node = parent;
  }
  return 'plain';
}

function propertyName(key: Expression | PrivateIdentifier, isComputed: boolean): string | null {
  if (isComputed) return literal(key);
  return key.type === 'Identifier' ? key.name : literal(key);
}

function literal(node: AnyNode | undefined): string | null {
  if (node?.type === 'TemplateLiteral' && node.expressions.length === 0) {
    return node.quasis[0]?.value.cooked ?? null;
  }
  return node?.type === 'Literal' && typeof node.value === 'string' ? node.value : null;
}
