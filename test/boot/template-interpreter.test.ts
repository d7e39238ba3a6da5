import fc from 'fast-check';
import Handlebars from 'handlebars';
import { describe, expect, it } from 'vitest';
import { TemplateError } from '../../src/boot/template-error.ts';
import { templateLimits, type TemplateValue } from '../../src/boot/template-interpreter.ts';
import { TemplateSet } from '../../src/boot/template-set.ts';

function setOf(texts: Record<string, string>, limits = templateLimits): TemplateSet {
  const set = TemplateSet.parse(new Map(Object.entries(texts)), limits);
  if (!(set instanceof TemplateSet)) throw new Error(JSON.stringify(set));
  return set;
}

function render(text: string, context: TemplateValue = {}, partials: Record<string, string> = {}): string {
  return setOf({ main: text, ...partials }).render('main', context);
}

function errorOf(action: () => unknown): TemplateError {
  try {
    action();
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

const context = {
  name: 'post01',
  root: 'root=/dev/nfs',
  count: 3,
  zero: 0,
  yes: true,
  no: false,
  empty: '',
  list: ['a', 'b', 'c'],
  none: [],
  machine: { name: 'post01', labels: { rack: 'r1', row: '2' } },
} as const;

describe('renders as Handlebars itself does, where nothing is missing', () => {
  const partials = { line: 'x={{name}}\ny={{count}}\n', word: '{{this}}!', hash: '{{name}}-{{extra}}' };
  const rows = [
    'plain text',
    '{{root}} {{count}} {{yes}} {{no}} {{zero}}{{empty}}',
    'a\n{{! comment }}\nb\n{{!-- another --}}\nc',
    '{{#if yes}}\n  in\n{{else}}\n  out\n{{/if}}\nafter',
    '{{#if zero}}a{{else if empty}}b{{else if none}}c{{else}}d{{/if}}',
    '{{#unless no}}u{{/unless}}{{#unless yes}}v{{/unless}}',
    '{{#each list}}\n{{@index}} {{this}} {{@first}} {{@last}} {{../name}} {{@root.count}}\n{{/each}}\n',
    '{{#each none}}x{{else}}nothing{{/each}}',
    '{{#each list as |item at|}}{{at}}={{item}};{{/each}}',
    '{{#each machine.labels}}{{@key}}={{this}},{{/each}}',
    '{{#with machine}}{{name}} {{labels.rack}}{{/with}}',
    '{{#with machine as |m|}}{{m.name}} {{../count}}{{/with}}',
    'a {{~name~}} b',
    '{{{root}}} {{&root}}',
    'before\n  {{> line}}\nafter',
    '{{> hash extra="e"}}',
    '{{#each list}}{{> word}}{{/each}}',
    '{{> word machine.name}}',
    String.raw`\{{name}} stays`,
    '{{machine/name}} {{machine.[name]}} {{this.name}} {{./name}}',
  ];
  it.each(rows)('%j', (text) => {
    const handlebars = Handlebars.create();
    for (const [name, partial] of Object.entries(partials)) handlebars.registerPartial(name, partial);
    expect(render(text, context, partials)).toBe(handlebars.compile(text, { noEscape: true })(context));
  });
});

describe('what Handlebars passes over in silence is an error with template, line and variable (rule 29)', () => {
  const rows: readonly { text: string; line?: number; variable: string; message: RegExp }[] = [
    { text: '\n\n{{missing}}', line: 3, variable: 'missing', message: /missing is missing/ },
    { text: '{{machine.serial}}', variable: 'machine.serial', message: /machine.serial is missing/ },
    { text: 'a\n{{#if parameters.debug}}x{{/if}}', line: 2, variable: 'parameters.debug', message: /is missing/ },
    { text: '{{#unless gone}}x{{/unless}}', variable: 'gone', message: /is missing/ },
    { text: '{{#each gone}}x{{/each}}', variable: 'gone', message: /is missing/ },
    { text: '{{#with gone}}x{{/with}}', variable: 'gone', message: /is missing/ },
    { text: '{{menuLst gone}}', variable: 'gone', message: /is missing/ },
    { text: '{{#if (eq name gone)}}x{{/if}}', variable: 'gone', message: /is missing/ },
    { text: '{{> part extra=gone}}', variable: 'gone', message: /is missing/ },
    { text: '{{machine}}', variable: 'machine', message: /a record, not a text/ },
    { text: '{{list}}', variable: 'list', message: /a list, not a text/ },
    { text: '{{#if machine}}x{{/if}}', variable: 'machine', message: /got a record/ },
    { text: '{{#each name}}x{{/each}}', variable: 'name', message: /needs a list/ },
    { text: '{{#each list}}{{name}}{{/each}}', variable: 'name', message: /is missing/ },
    { text: '{{default gone other}}', variable: 'other', message: /is missing/ },
    { text: '{{nothing "x"}}', variable: 'nothing', message: /no helper nothing/ },
    { text: '{{#nothing}}x{{/nothing}}', variable: 'nothing', message: /no block/ },
    { text: '{{> nobody}}', variable: 'nobody', message: /no partial nobody/ },
    { text: '{{constructor}}', variable: 'constructor', message: /is missing/ },
    { text: '{{machine.__proto__}}', variable: 'machine.__proto__', message: /is missing/ },
    { text: '{{name.length}}', variable: 'name.length', message: /is missing/ },
    { text: '{{@gone}}', variable: '@gone', message: /is missing/ },
    { text: '{{../../name}}', variable: '../../name', message: /is missing/ },
  ];
  it.each(rows)('$text', ({ text, line = 1, variable, message }) => {
    const error = errorOf(() => render(text, context, { part: 'p' }));
    expect(error.place).toEqual({ template: 'main.hbs', line, variable: variable.replace(/^@/, '@') });
    expect(error.message).toMatch(message);
  });

  it('names the partial that is at fault, and the line there', () => {
    expect(errorOf(() => render('a\n{{> part}}', {}, { part: '\n\n{{gone}}' })).place).toEqual({
      template: 'part.hbs',
      line: 3,
      variable: 'gone',
    });
  });

  it.each([
    '{{#*inline "x"}}{{/inline}}',
    '{{#> layout}}x{{/layout}}',
    '{{^gone}}x{{/gone}}',
    '{{undefined}}',
    '{{menuLst null}}',
    '{{> (name)}}',
  ])('refuses %s, which would get around the walk', (text) => expect(() => render(text, context)).toThrow(TemplateError));

  it('tells all templates that cannot be parsed at once, each with its line', () => {
    const problems = TemplateSet.parse(
      new Map([
        ['one', 'a\n{{#if x}}'],
        ['two', '{{'],
        ['good', 'fine'],
      ]),
    );
    expect(problems).toMatchObject([
      { template: 'one.hbs', line: 2 },
      { template: 'two.hbs', line: 1 },
    ]);
  });
});

describe('what may be missing must be said to be so', () => {
  it.each([
    ['{{#if (has "parameters.x")}}yes{{else}}no{{/if}}', 'no'],
    ['{{#if (has parameters.x)}}yes{{else}}no{{/if}}', 'no'],
    ['{{#if (has "machine.name")}}yes{{else}}no{{/if}}', 'yes'],
    ['{{#if (has "no")}}there, though false{{/if}}', 'there, though false'],
    ['{{default parameters.x 5}} {{default count 5}} {{default zero 5}}', '5 3 0'],
    ['{{#if (default parameters.x true)}}on{{/if}}', 'on'],
    ['{{#each list}}{{#if (has "machine.name")}}{{this}}{{/if}}{{/each}}', 'abc'],
    ['{{#if (or (eq name "x") (not no))}}t{{/if}}{{#if (and yes zero)}}f{{/if}}', 't'],
    ['{{words list}} {{words name}} {{join list ","}}', 'a b c post01 a,b,c'],
  ])('%s', (text, expected) => expect(render(text, context)).toBe(expected));
});

describe('values with line breaks or NUL (rule 28)', () => {
  const bad = ['a\nb', 'a\rb', 'a\0b'];
  it.each(bad)('refuses %j printed plainly, quoted, or inside a line of arguments', (value) => {
    for (const text of [
      '{{x}}',
      '{{menuLst x}}',
      '{{grubCfg x}}',
      '{{ipxe x}}',
      '{{xlCfg x}}',
      '{{words x}}',
      '{{kernelArgument "a" x}}',
      '{{#grubCfg}}{{x}}{{/grubCfg}}',
    ])
      expect(() => render(text, { x: value })).toThrow(TemplateError);
  });

  it("keeps the line breaks of the operator's own lines, and nothing else of that kind", () => {
    expect(render('{{verbatim x}}', { x: 'title A\nroot (nd)\n' })).toBe('title A\nroot (nd)');
    expect(() => render('{{verbatim x}}', { x: 'a\rb' })).toThrow(TemplateError);
  });
});

describe('limits (rule 30)', () => {
  it('ends partials that call themselves', () => {
    expect(errorOf(() => render('{{> main}}')).message).toMatch(/partials within each other/);
  });

  it('ends partials that double at each level', () => {
    const partials = Object.fromEntries(Array.from({ length: 15 }, (_, level) => [`p${level}`, `{{> p${level + 1}}}{{> p${level + 1}}}`]));
    expect(errorOf(() => render('{{> p0}}', {}, { ...partials, p15: 'x' })).message).toMatch(/more than 20000 steps/);
  });

  it('ends loops within loops', () => {
    const list = Array.from({ length: 300 }, () => 'x');
    expect(errorOf(() => render('{{#each l}}{{#each ../l}}x{{/each}}{{/each}}', { l: list })).message).toMatch(/steps/);
  });

  it('ends a file that grows too large', () => {
    const list = Array.from({ length: 100 }, () => 'x'.repeat(10_000));
    expect(errorOf(() => render('{{#each l}}{{this}}{{/each}}', { l: list })).message).toMatch(/grows beyond/);
  });
});

it('throws nothing but TemplateError for any template', () => {
  const piece = fc.constantFrom(
    '{{',
    '}}',
    '{{#',
    '{{/',
    '{{>',
    '{{^',
    'if',
    'each',
    'with',
    'else',
    ' ',
    'name',
    'list',
    'machine',
    '..',
    '/',
    '@',
    'this',
    '(',
    ')',
    '"',
    '=',
    'as |x|',
    '~',
    '\n',
    'has',
    'default',
    'grubCfg',
    '1',
  );
  const run = (): void =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const set = TemplateSet.parse(new Map([['main', pieces.join('')]]));
        if (!(set instanceof TemplateSet)) return;
        try {
          set.render('main', context);
        } catch (error) {
          if (!(error instanceof TemplateError)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  expect(run).not.toThrow();
});
