import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly examples?: readonly unknown[];
}

/** Anything that JSON can say, and texts that break careless code. */
export const junk: Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }) as Arbitrary<unknown>,
  fc.constantFrom<unknown>(
    null,
    '',
    0,
    -1,
    1e308,
    2 ** 53,
    [],
    {},
    [[]],
    '\u0000',
    '../../etc/passwd',
    '{{#each}}',
    'x'.repeat(5000),
    '__proto__',
    true,
  ),
);

const texts = fc.oneof(
  fc.constantFrom(
    'post01',
    'post[01-20]',
    'post02',
    'dom0',
    'lab',
    '52:54:00:00:00:01',
    '192.168.0.11',
    'post01,dhcp-host=',
    '{{machine.name}}',
    '{{',
    'rack=a3',
    '',
  ),
  fc.string({ maxLength: 30 }),
);

/** Mostly what the schema asks for, with some values swapped for junk. */
export function valueOf(schema: JsonSchema, named: Readonly<Record<string, JsonSchema>>, depth = 0): Arbitrary<unknown> {
  const right = rightValue(schema, named, depth);
  return fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: junk });
}

function rightValue(schema: JsonSchema, named: Readonly<Record<string, JsonSchema>>, depth: number): Arbitrary<unknown> {
  const ofName = schema.$ref === undefined ? undefined : named[schema.$ref.replace('#/components/schemas/', '')];
  if (ofName !== undefined) return rightValue(ofName, named, depth);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map((each) => rightValue(each, named, depth + 1)));
  if (schema.properties !== undefined && depth < 6) {
    const fields = Object.fromEntries(Object.entries(schema.properties).map(([key, each]) => [key, valueOf(each, named, depth + 1)]));
    return fc.record(fields, { requiredKeys: [...(schema.required ?? [])] });
  }
  const example = schema.examples === undefined || schema.examples.length === 0 ? [] : [fc.constantFrom(...schema.examples)];
  switch (schema.type) {
    case 'object': {
      const value = typeof schema.additionalProperties === 'object' ? valueOf(schema.additionalProperties, named, depth + 1) : junk;
      return fc.oneof(...example, fc.dictionary(fc.string({ maxLength: 10 }), value, { maxKeys: 3 }));
    }
    case 'array':
      return fc.oneof(...example, fc.array(schema.items === undefined ? junk : valueOf(schema.items, named, depth + 1), { maxLength: 4 }));
    case 'string':
      return fc.oneof(...example, texts);
    case 'integer':
      return fc.oneof(...example, fc.integer({ min: schema.minimum ?? -10, max: schema.maximum ?? 1_000_000 }));
    case 'number':
      return fc.double();
    case 'boolean':
      return fc.boolean();
    case undefined:
    default:
      return junk;
  }
}
