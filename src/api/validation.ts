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
    const converted: unknown = httpPart === 'body' ? value : Value.Convert(schema, value);
    const complete: unknown = Value.Default(schema, converted);
    if (validator.Check(complete)) return { value: complete };
    return { error: validator.Errors(complete).slice(0, maxFailures) as unknown as Error };
  };
};
