import { Type } from 'typebox';
import type { TObjectOptions, TSchema } from 'typebox';

/*
 * The kinds of value that several resources have. Every field has a description; `examples` are what the documentation
 * shows and what the tests of the schemas check.
 */

export const text = (description: string, example: string, maxLength = 1024) =>
  Type.String({ description, examples: [example], maxLength });

/** A name of an object: what the rooms check further is not said twice here. */
export const objectName = (description: string, example: string) =>
  Type.String({ description, examples: [example], minLength: 1, maxLength: 63 });

export const time = (description: string) =>
  Type.String({ description: `${description} RFC 3339, UTC.`, format: 'date-time', examples: ['2026-03-01T09:30:00.000Z'] });

export const count = (description: string, example = 3) => Type.Integer({ description, minimum: 0, examples: [example] });

export const yes = (description: string) => Type.Boolean({ description, examples: [true] });

export const oneOf = <const Values extends readonly [string, ...string[]]>(description: string, values: Values) =>
  Type.Unsafe<Values[number]>(Type.Enum([...values], { description, type: 'string', examples: [values[0]] }));

export const listOf = <Item extends TSchema>(description: string, item: Item, maxItems?: number) =>
  Type.Array(item, { description, ...(maxItems !== undefined && { maxItems }) });

/** Any JSON object: what it holds depends on where it stands. */
export const anything = (description: string, example: Readonly<Record<string, unknown>>) =>
  Type.Record(Type.String(), Type.Unknown(), { description, examples: [example] });

export const optional = Type.Optional;

/** An object that knows all its fields. */
export const shape = <Properties extends Record<string, TSchema>>(
  description: string,
  properties: Properties,
  example?: Readonly<Record<string, unknown>>,
  more: TObjectOptions = {},
) => Type.Object(properties, { description, additionalProperties: false, ...(example !== undefined && { examples: [example] }), ...more });

/** Where something stands: a state never comes without its reason and its time. */
export const standing = <const Values extends readonly [string, ...string[]]>(description: string, values: Values) => ({
  state: oneOf(description, values),
  reason: text('Why it is in this state, in words.', 'said hello 00:48 after its first packet', 4096),
  since: time('When it came into this state.'),
});

/** What every stored object says of its last change. */
export const changed = {
  revision: count('Goes up by one with each change; 0 for what is not stored.', 4),
  createdAt: optional(time('When it was made.')),
  updatedAt: optional(time('When it was changed last.')),
  updatedBy: optional(text('Who changed it last.', 'anna')),
};
