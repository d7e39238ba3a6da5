import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { parseCidr, parseIpv4 } from '../model/ipv4.ts';
import { parseMac } from '../model/mac.ts';

/*
 * The kinds of value that configuration files hold. `expected` completes the sentence "expected ..." and is the type
 * column of the reference; `description` is one sentence of what the value does.
 */

interface Annotations {
  readonly default?: unknown;
  /** How the reference names a default that is computed. */
  readonly defaultText?: string;
  /** Relative values start at the file, those of a variable at the current folder. */
  readonly isPath?: boolean;
}

export const text = (description: string, expected = 'text', more: Annotations = {}) =>
  Type.String({ description, expected, minLength: 1, pattern: '^[^\\r\\n\\0]*$', ...more });

/** A refined schema must not be spread into another: its check is not enumerable. */
const checkedText =
  (expected: string, check: (value: string) => boolean) =>
  (description: string, more: Annotations = {}) =>
    Type.Refine(Type.String({ description, expected, ...more }), check, () => expected);

const namePattern = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;
export const name = checkedText('a name of lower-case letters, digits, dots and dashes, at most 63', (value) => namePattern.test(value));
export const ipv4 = checkedText('an IPv4 address such as 192.168.0.5', (value) => parseIpv4(value) !== undefined);
export const mac = checkedText('a MAC address such as 52:54:00:00:00:01', (value) => parseMac(value) !== undefined);
export const cidr = checkedText('a network such as 192.168.0.0/24, host bits zero', (value) => parseCidr(value) !== undefined);
// IFNAMSIZ is 16 with the terminating zero.
export const interfaceName = checkedText('the name of a network interface such as eth1', (value) => /^[^\s/]{1,15}$/.test(value));
export const uuid = checkedText('a UUID such as 4c4c4544-0042-3510-8052-b4c04f4d3632', (value) =>
  /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value),
);
export const matching = (pattern: RegExp, expected: string) => checkedText(expected, (value) => pattern.test(value));
export const checked = checkedText;

export const path = (description: string, more: Annotations = {}) => text(description, 'a path', { ...more, isPath: true });

export const port = (description: string, fallback?: number) =>
  whole(description, 1, 65_535, fallback === undefined ? {} : { default: fallback }, 'a port');

export const whole = (description: string, minimum: number, maximum: number, more: Annotations, what = 'a whole number') =>
  Type.Integer({ description, expected: `${what} from ${minimum} to ${maximum}`, minimum, maximum, ...more });

export const choice = <const Values extends readonly [string, ...string[]]>(
  description: string,
  values: Values,
  fallback?: Values[number],
) =>
  Type.Unsafe<Values[number]>(
    Type.Enum([...values], { description, expected: oneOf(values), ...(fallback !== undefined && { default: fallback }) }),
  );

export const yesNo = (description: string, fallback: boolean) =>
  Type.Boolean({ description, expected: 'true or false', default: fallback });

export const list = <Item extends TSchema>(description: string, item: Item, more: { default?: unknown[]; minItems?: number } = {}) =>
  Type.Array(item, { description, expected: more.minItems ? `a list of at least ${more.minItems}` : 'a list', ...more });

/** An object that knows all its keys. One that is left out altogether counts as empty where `optional` is set. */
export const section = <Properties extends Record<string, TSchema>>(description: string, properties: Properties, optional = false) =>
  Type.Object(properties, { description, expected: 'a block of keys', additionalProperties: false, ...(optional && { default: {} }) });

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? String(values[0]) : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`;
}
