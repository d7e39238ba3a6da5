import { Type } from 'typebox';

/** Names that people choose, with values for templates. */
export const parameters = (description: string) =>
  Type.Record(
    Type.String(),
    Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())], {
      expected: 'text, a number, true or false, or a list of texts',
    }),
    { description, expected: 'names and values', default: {} },
  );

export const labels = (description: string) =>
  Type.Record(Type.String(), Type.String({ expected: 'text' }), { description, expected: 'names and texts', default: {} });
