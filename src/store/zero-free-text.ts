import { OperationNodeTransformer } from 'kysely';
import type { KyselyPlugin, PrimitiveValueListNode, ValueNode } from 'kysely';

/**
 * PostgreSQL has no text with a zero in it, and refuses the statement: what is asked by such a text is not found, and a
 * column that gets one has U+FFFD in its place. JSON writes a zero in six letters and is not touched.
 */
export const zeroFreeText: KyselyPlugin = {
  transformQuery: ({ node }) => zeroless.transformNode(node),
  transformResult: ({ result }) => Promise.resolve(result),
};

class Zeroless extends OperationNodeTransformer {
  protected override transformValue(node: ValueNode): ValueNode {
    return holdsZero(node.value) ? { ...node, value: without(node.value) } : node;
  }

  protected override transformPrimitiveValueList(node: PrimitiveValueListNode): PrimitiveValueListNode {
    return node.values.some(holdsZero) ? { ...node, values: node.values.map(without) } : node;
  }
}

const zeroless = new Zeroless();

function holdsZero(value: unknown): boolean {
  return typeof value === 'string' && value.includes('\0');
}

function without<Value>(value: Value): Value | string {
  return typeof value === 'string' ? value.replaceAll('\0', '\u{fffd}') : value;
}
