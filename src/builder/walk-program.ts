import type { AnyNode } from 'acorn';

/** Nodes on the way to the one that is looked at, the outermost first. */
export type Ancestors = readonly AnyNode[];

/** Visits each node of a program, parents before their children. */
export function walk(
  node: AnyNode,
  ancestors: AnyNode[],
  visit: (node: AnyNode, ancestors: Ancestors) => void,
): void {
  visit(node, ancestors);
  ancestors.push(node);
  for (const child of Object.values(node).flat() as unknown[]) {
    if (isNode(child)) walk(child, ancestors, visit);
  }
  ancestors.pop();
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string';
}
