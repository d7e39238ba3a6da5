import { isTruthy, type TemplateHelper, type TemplateValue } from './template-interpreter.ts';
import { argumentLines, grubCfgWord, ipxeWord, kernelArgument, menuLstWord, oneLine, xlCfgString, xlPart } from './template-quoting.ts';

/**
 * What templates may call beside `if`, `unless`, `each`, `with`, `has` and `default`. The quoting helpers come in two
 * forms: `{{grubCfg value}}` is one word, `{{#grubCfg}}...{{/grubCfg}}` a line of kernel arguments. xl.cfg has strings
 * where loaders have words, and in some of them parts between commas: `{{xlPart value}}`.
 */
export const templateHelpers: ReadonlyMap<string, TemplateHelper> = new Map<string, TemplateHelper>([
  ['menuLst', quoting(menuLstWord, argumentLines.menuLst)],
  ['grubCfg', quoting(grubCfgWord, argumentLines.grubCfg)],
  ['ipxe', quoting(ipxeWord, argumentLines.ipxe)],
  ['xlCfg', (values, body) => (body === undefined ? xlCfgValue(only(values)) : (none(values), argumentLines.xlCfg(body)))],
  ['xlPart', (values) => xlPart(text(only(values)))],
  ['kernelArgument', ([name, value, ...more]) => (none(more), kernelArgument(text(name), text(value)))],
  /** A text as it is, a list joined by blanks: for parameters that hold further arguments. */
  ['words', (values) => list(only(values)).map(oneLine).join(' ')],
  ['join', ([values, separator, ...more]) => (none(more), list(values).join(text(separator)))],
  /** The operator's own lines, line breaks kept: never for what came from the network. */
  ['verbatim', (values) => list(only(values)).map(withoutControls).join('\n')],
  ['eq', ([left, right, ...more]) => (none(more), text(left) === text(right))],
  ['not', (values) => !isTruthy(only(values))],
  ['and', (values) => values.every(isTruthy)],
  ['or', (values) => values.some(isTruthy)],
]);

function quoting(word: (text: string) => string, line: (text: string) => string): TemplateHelper {
  return (values, body) => {
    if (body === undefined) return word(text(only(values)));
    none(values);
    return line(body);
  };
}

function xlCfgValue(value: TemplateValue): string {
  if (Array.isArray(value)) return `[ ${list(value).map(xlCfgString).join(', ')} ]`;
  return typeof value === 'number' ? String(value) : typeof value === 'boolean' ? String(Number(value)) : xlCfgString(text(value));
}

function only(values: readonly TemplateValue[]): TemplateValue {
  const [value, ...more] = values;
  if (value === undefined) throw new Error('a value is missing');
  none(more);
  return value;
}

function none(values: readonly TemplateValue[]): void {
  if (values.length > 0) throw new Error('too many values');
}

function text(value: TemplateValue | undefined): string {
  if (value === undefined) throw new Error('a value is missing');
  if (typeof value === 'object') throw new Error('needs a text, number or boolean, and got a list or record');
  return String(value);
}

function list(value: TemplateValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.map((item: TemplateValue) => text(item)) : [text(value)];
}

function withoutControls(value: string): string {
  if (/[\0\r]/.test(value)) throw new Error('a carriage return or NUL in the text');
  return value.replace(/\n$/, '');
}
