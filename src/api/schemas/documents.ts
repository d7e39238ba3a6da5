import { Type } from 'typebox';
import type { TSchema } from 'typebox';
import { objectSchemas } from '../../machines/object-schemas.ts';
import type { MachineDocument, ProfileDocument, SubnetDocument } from '../../machines/object-schemas.ts';
import type { EnvironmentDocument, RoleDocument, TriggerDocument } from '../../machines/vm-schemas.ts';

/** Objects as people write them: fields with a default may be left out, and are then absent. */
export type MachineFields = Pick<MachineDocument, 'name' | 'nics'> & Partial<Omit<MachineDocument, 'kind' | 'name' | 'nics'>>;
export type ProfileFields = Pick<ProfileDocument, 'name'> &
  Partial<Omit<ProfileDocument, 'kind' | 'name' | 'stageSeconds'>> & { stageSeconds?: Partial<ProfileDocument['stageSeconds']> };
export type SubnetFields = Pick<SubnetDocument, 'name' | 'cidr' | 'interface'> &
  Partial<Omit<SubnetDocument, 'kind' | 'name' | 'cidr' | 'interface'>>;
type EnvironmentNeeds = 'name' | 'instances' | 'image' | 'memoryMib' | 'count';
export type EnvironmentFields = Pick<EnvironmentDocument, EnvironmentNeeds> &
  Partial<Omit<EnvironmentDocument, 'kind' | EnvironmentNeeds | 'constraints'>> & {
    constraints?: Partial<EnvironmentDocument['constraints']>;
  };
export type RoleFields = Pick<RoleDocument, 'name'> & Partial<Omit<RoleDocument, 'kind' | 'name'>>;
export type TriggerFields = Pick<TriggerDocument, 'name' | 'expr' | 'cmd'> &
  Partial<Omit<TriggerDocument, 'kind' | 'name' | 'expr' | 'cmd'>>;

interface SchemaJson {
  [key: string]: unknown;
  properties?: Record<string, SchemaJson>;
  patternProperties?: Record<string, SchemaJson>;
  required?: string[];
  items?: SchemaJson;
  anyOf?: SchemaJson[];
}

/**
 * The fields of an object's document as plain JSON schema: without `kind`, with nothing required that has a default, and
 * without defaults, which would be written into documents. What its refinements check, the object book checks.
 */
function fieldsOf(schema: TSchema): Record<string, SchemaJson> {
  const { properties = {} } = asWritten(JSON.parse(JSON.stringify(schema)) as SchemaJson);
  delete properties['kind'];
  return properties;
}

function asWritten(schema: SchemaJson): SchemaJson {
  const { default: _default, defaultText: _text, isPath: _isPath, expected, ...rest } = schema;
  const { properties } = schema;
  if (properties !== undefined) {
    rest.required = (schema.required ?? []).filter((key) => properties[key]?.['default'] === undefined);
    if (rest.required.length === 0) delete rest.required;
    rest.properties = mapped(properties);
  }
  if (schema.patternProperties !== undefined) rest.patternProperties = mapped(schema.patternProperties);
  if (schema.items !== undefined) rest.items = asWritten(schema.items);
  if (schema.anyOf !== undefined) rest.anyOf = schema.anyOf.map(asWritten);
  if (typeof expected === 'string' && properties === undefined && typeof rest['description'] === 'string')
    rest['description'] = `${rest['description']} Expected: ${expected}.`;
  return rest;
}

function mapped(properties: Record<string, SchemaJson>): Record<string, SchemaJson> {
  return Object.fromEntries(Object.entries(properties).map(([key, value]) => [key, asWritten(value)]));
}

type FieldSchemas<Fields> = {
  [Key in keyof Fields]-?: Key extends OptionalKeys<Fields>
    ? ReturnType<typeof optionalField<Fields[Key]>>
    : ReturnType<typeof field<Fields[Key]>>;
};
type OptionalKeys<Fields> = { [Key in keyof Fields]-?: undefined extends Fields[Key] ? Key : never }[keyof Fields];
const field = <Value>(schema: SchemaJson) => Type.Unsafe<Value>(schema);
const optionalField = <Value>(schema: SchemaJson) => Type.Optional(Type.Unsafe<Exclude<Value, undefined>>(schema));

function typedFields<Fields>(schema: TSchema, required: readonly string[]): FieldSchemas<Fields> {
  const entries = Object.entries(fieldsOf(schema)).map(([key, json]) => [key, required.includes(key) ? field(json) : optionalField(json)]);
  return Object.fromEntries(entries) as FieldSchemas<Fields>;
}

export const machineFields = typedFields<MachineFields>(objectSchemas.Machine, ['name', 'nics']);
export const profileFields = typedFields<ProfileFields>(objectSchemas.Profile, ['name']);
export const subnetFields = typedFields<SubnetFields>(objectSchemas.Subnet, ['name', 'cidr', 'interface']);
export const environmentFields = typedFields<EnvironmentFields>(objectSchemas.Environment, [
  'name',
  'instances',
  'image',
  'memoryMib',
  'count',
]);
export const roleFields = typedFields<RoleFields>(objectSchemas.Role, ['name']);
export const triggerFields = typedFields<TriggerFields>(objectSchemas.Trigger, ['name', 'expr', 'cmd']);
