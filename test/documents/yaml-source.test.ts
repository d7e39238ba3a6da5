import { describe, expect, it } from 'vitest';
import { parseYamlText } from '../../src/documents/yaml-source.ts';

function positionsOf(text: string): (path: readonly (string | number)[]) => [line: number, column: number] {
  const [document] = parseYamlText(text, 'x.yaml').documents;
  if (document === undefined) throw new Error('the text of this test is no document');
  return (path) => {
    const { line, column } = document.positionOf(path);
    return [line, column];
  };
}

describe('a value of a YAML text', () => {
  it('is found where it stands, also behind an alias and by the text of an index', () => {
    const at = positionsOf('a: &x\n  - b: 1\n  - c: 2\nd: *x\n');
    expect(at(['a', 0, 'b'])).toEqual([2, 8]);
    expect(at(['a', '1', 'c'])).toEqual([3, 8]);
    expect(at(['d', 1, 'c'])).toEqual([3, 8]);
  });

  it('that is not there is looked for at the nearest thing around it', () => {
    const at = positionsOf('a:\n  b: 1\n');
    expect(at(['a', 'gone', 'deeper'])).toEqual([2, 3]);
    expect(at(['gone'])).toEqual([1, 1]);
  });

  it('of many documents has the line of the whole text', () => {
    const { documents } = parseYamlText('a: 1\n---\n---\nb: 2\n', 'x.yaml');
    expect(documents.map(({ value }) => value)).toEqual([{ a: 1 }, { b: 2 }]);
    expect(documents[1]?.positionOf(['b'])).toEqual({ file: 'x.yaml', line: 4, column: 4 });
  });

  it('may not grow out of aliases without end', () => {
    const rows = ['a: &a [x, x, x, x, x, x, x, x, x]'];
    for (const from of 'abcdefgh') {
      const to = String.fromCodePoint((from.codePointAt(0) ?? 0) + 1);
      rows.push(`${to}: &${to} [${`*${from}, `.repeat(9)}]`);
    }
    const { documents, problems } = parseYamlText(rows.join('\n'), 'x.yaml');
    expect(documents).toEqual([]);
    expect(problems).toMatchObject([{ file: 'x.yaml', message: expect.stringContaining('not valid YAML') as string }]);
  });
});
