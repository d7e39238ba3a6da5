import { Type } from 'typebox';
import type { Static } from 'typebox';
import { listOf, objectName, optional, shape, text, time } from './fields.ts';
import { pageOf, pageQuery, totalQuery } from './page.ts';

const value = (description: string) => Type.Unknown({ description, examples: [2048] });
const propertyName = (description: string) => text(description, 'ram_free', 64);

export const propertySchema = shape(
  'A value that an agent extracted from its host.',
  {
    machine: objectName('Whose.', 'post01'),
    name: propertyName('Which.'),
    type: text('int, float, string, bool, list or object.', 'int', 16),
    value: optional(value('The value; absent where there was none yet.')),
    at: time('When it was extracted, by the clock of the manager.'),
    ageSeconds: Type.Number({ minimum: 0, description: 'How old it is.', examples: [12] }),
    problem: optional(
      shape('Why it could not be extracted the last time.', {
        code: text('In a word.', 'timeout', 64),
        reason: text('In words.', 'plugin disk.sh took longer than 10 s', 4096),
        at: time('When.'),
      }),
    ),
    history: optional(
      listOf(
        'Values before, the newest last; only where `history=true` was asked for.',
        shape('A value.', { at: time('When.'), value: optional(value('It.')) }),
      ),
    ),
  },
  { machine: 'post01', name: 'ram_free', type: 'int', value: 2048, at: '2026-03-01T09:30:00.000Z', ageSeconds: 12 },
);
export type PropertyResource = Static<typeof propertySchema>;
export const propertyPageSchema = pageOf('properties', propertySchema);

const ofOneHost = {
  ...pageQuery,
  ...totalQuery,
  name: optional(text('Of these names; several with commas between.', 'ram_free,load', 4096)),
  history: optional(Type.Boolean({ description: 'Also values before the last.', examples: [true] })),
  q: optional(text('A text that the name or the machine holds.', 'ram')),
  sort: optional(text('name (by machine, then by name) or at, falling with a dash before it.', 'name')),
};
export const hostPropertyQuerySchema = shape('Which properties.', ofOneHost);
export const propertyQuerySchema = shape('Which properties.', {
  ...ofOneHost,
  machine: optional(objectName('Of this machine.', 'post01')),
});

export const propertyWishSchema = shape(
  'What to extract now.',
  { names: Type.Array(propertyName('A property.'), { description: 'Which properties.', minItems: 1, maxItems: 256 }) },
  { names: ['ram_free', 'load'] },
);
export const propertyAnswerSchema = shape(
  'What was extracted.',
  { items: listOf('The properties that were asked for.', propertySchema) },
  { items: [{ machine: 'post01', name: 'ram_free', type: 'int', value: 2048, at: '2026-03-01T09:30:00.000Z', ageSeconds: 0 }] },
);
export type PropertyAnswer = Static<typeof propertyAnswerSchema>;
