import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { count, listOf, optional, shape, text } from './fields.ts';

/** What every listing takes. */
export const pageQuery = {
  limit: optional(Type.Integer({ minimum: 1, maximum: 1000, default: 50, description: 'How many items at most.', examples: [50] })),
  cursor: optional(text('`nextCursor` of the page before.', 'bzE6cG9zdDAx')),
};

export const totalQuery = { total: optional(Type.Boolean({ description: 'Count all that match.', examples: [true] })) };

/** A page of a listing. */
export const pageOf = <Item extends TSchema>(what: string, item: Item) =>
  shape(
    `A page of ${what}.`,
    {
      items: listOf('In the order asked for.', item),
      nextCursor: optional(text('Asks for the next page; absent on the last.', 'bzE6cG9zdDAx')),
      total: optional(count('How many there are in all; only where `total=true` was asked for.', 340)),
    },
    { items: 'examples' in item && Array.isArray(item.examples) ? item.examples : [], nextCursor: 'bzE6cG9zdDAx' },
  );

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor?: string;
  readonly total?: number;
}

export const dryRunQuery = {
  dryRun: optional(Type.Boolean({ description: 'Check and answer as for a change, and change nothing.', examples: [true] })),
};
