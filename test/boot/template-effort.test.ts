import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { effortFault } from '../../src/boot/template-effort.ts';
import { TemplateError } from '../../src/boot/template-error.ts';
import { TemplateSet } from '../../src/boot/template-set.ts';

describe('a text that would take long to parse', () => {
  it.each([
    ['many mustaches', '{{a}}\n'.repeat(20_000), 'characters within mustaches'],
    ['one long mustache', `{{f ${'1 '.repeat(130_000)}}}`, 'characters within mustaches'],
    ['a long path', `{{a${'.b'.repeat(130_000)}}}`, 'characters within mustaches'],
    ['one long mustache after what only looks like its end', `{{f "}}" '}}' [}}] ${'1 '.repeat(130_000)}}}`, 'characters within mustaches'],
    ['deep blocks', '{{#if a}}'.repeat(1_000), 'blocks'],
    ['deep blocks whose ends stand in comments', '{{#if a}}{{!-- {{/if}} --}}'.repeat(1_000), 'blocks'],
    ['a chain of conditions', `{{#if a}}${'{{~ else if a}}'.repeat(1_000)}{{/if}}`, 'blocks'],
    ['deep helpers', `{{f ${'(f '.repeat(1_000)}1${')'.repeat(1_000)}}}`, 'parentheses'],
    ['a text without end', `{{f "${'(f '.repeat(9_000)}`, 'characters within mustaches'],
  ])('is not even parsed: %s', (_, text, reason) => {
    expect(effortFault(text)).toMatchObject({ message: expect.stringContaining(reason) as string });
    const startedMs = performance.now();
    expect(TemplateSet.parse(new Map([['x', text]]))).toMatchObject([
      { template: 'x.hbs', message: expect.stringContaining(reason) as string },
    ]);
    expect(performance.now() - startedMs).toBeLessThan(250);
  });

  it('is named with its line', () => {
    expect(effortFault(`\n\n${'{{#if a}}{{/if}}\n'.repeat(300)}`)?.line).toBe(253);
  });

  it.each([
    ['much text', 'kernel /vmlinuz ({{a}})\n'.repeat(10).padEnd(262_000, 'x\n')],
    ['a long comment', `{{!-- {{#if}} ${'x '.repeat(100_000)} --}}{{! ${'('.repeat(1_000)} }}`],
    ['mustaches that are text', String.raw`\{{#if a}}`.repeat(1_000)],
    ['a long text in quotes', `{{f "${'x'.repeat(10_000)} \\" }}"}}`],
    ...readdirSync('templates').map((file) => [file, readFileSync(`templates/${file}`, 'utf8')]),
  ])('is not %s', (_, text = '') => {
    expect(effortFault(text)).toBeUndefined();
  });
});

describe('what partials in partials may add up to', () => {
  it('is an error of the template, not of the service', () => {
    const nested = `${'{{#if a}}'.repeat(249)}{{> x}}${'{{/if}}'.repeat(249)}`;
    const set = TemplateSet.parse(new Map([['x', nested]])) as TemplateSet;
    expect(() => set.render('x', { a: true })).toThrow(TemplateError);
  });
});

describe('a set that follows another', () => {
  it('renders and is called alike whether it was parsed anew or not', () => {
    const before = TemplateSet.parse(
      new Map([
        ['a', '{{x}}{{> b}}'],
        ['b', 'b'],
      ]),
    ) as TemplateSet;
    const texts = new Map([
      ['a', '{{x}}{{> b}}'],
      ['b', 'c{{> d}}'],
      ['d', '{{x}}'],
    ]);
    const [anew, following] = [TemplateSet.parse(texts), TemplateSet.parse(texts, undefined, before)] as [TemplateSet, TemplateSet];
    expect([following.sha256, following.render('a', { x: 1 })]).toEqual([anew.sha256, '1c1']);
    expect([...following.partialsOf('a'), ...following.partialsOf('b'), ...following.partialsOf('none')]).toEqual(['b', 'd']);
  });

  it('has the problems of what is new', () => {
    const before = TemplateSet.parse(new Map([['a', 'a']])) as TemplateSet;
    expect(TemplateSet.parse(new Map([['a', '{{#if']]), undefined, before)).toMatchObject([{ template: 'a.hbs' }]);
  });
});
