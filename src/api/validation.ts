import { registerAjvFormats } from '@fastify/type-provider-typebox';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';

registerAjvFormats();

/** A body of many wrong objects is not gone through to its end. */
const maxFailures = 50;

/** Checks parts of a request. Texts of the query and the path become numbers and yes or no where the schema says so; bodies are taken as they are. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const validator = Compile(schema);
  return (value: unknown) => {
    const converted: unknown = httpPart === 'body' ? cutLists(schema, value) : Value.Convert(schema, value);
    const complete: unknown = Value.Default(schema, converted);
    if (validator.Check(complete)) return { value: complete };
    return { error: validator.Errors(complete).slice(0, maxFailures) as unknown as Error };
  };
};

/** Lists of a body that are too long keep one entry too many: enough to be refused for, and few to go through. */
function cutLists(schema: TSchema, value: unknown): unknown {
  const { properties } = schema as { readonly properties?: Readonly<Record<string, { readonly maxItems?: number }>> };
  if (properties === undefined || typeof value !== 'object' || value === null) return value;
  const cut = Object.entries(properties).flatMap(([key, { maxItems }]) => {
    const list = (value as Readonly<Record<string, unknown>>)[key];
    return maxItems !== undefined && Array.isArray(list) && list.length > maxItems ? [[key, list.slice(0, maxItems + 1)]] : [];
  });
  return cut.length === 0 ? value : { ...value, ...(Object.fromEntries(cut) as object) };
}
