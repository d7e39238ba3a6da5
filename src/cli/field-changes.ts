import { parse } from 'yaml';
import { isRecord } from '../documents/check-shape.ts';
import { CliError } from './cli-error.ts';

type Fields = Readonly<Record<string, unknown>>;

/** `constraints.labels.rack=a3` as what it makes of a document. Values are YAML; without one the field is removed. */
export function readFields(texts: readonly string[]): (document: Fields) => Fields {
  if (texts.length === 0) throw new CliError('usage', 'say what to change, such as memoryMib=768');
  const changes = texts.map((text) => {
    const [, path, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (path === undefined || value === undefined) throw new CliError('usage', `${text}: expected FIELD=VALUE`);
    const steps = path.split('.');
    if (steps.some((step) => step === '')) throw new CliError('usage', `${text}: a field has a name before and behind each dot`);
    return { steps, value: value === '' ? undefined : yamlValue(value, text) };
  });
  return (document) => changes.reduce((changed, { steps, value }) => withField(changed, steps, value), document);
}

function yamlValue(value: string, text: string): unknown {
  try {
    return parse(value) as unknown;
  } catch (error) {
    throw new CliError('usage', `${text}: the value is not valid YAML`, undefined, { cause: error });
  }
}

function withField(document: Fields, [step = '', ...rest]: readonly string[], value: unknown): Fields {
  const inner = document[step];
  const after = rest.length === 0 ? value : withField(isRecord(inner) ? inner : {}, rest, value);
  const others = Object.entries(document).filter(([key]) => key !== step);
  const isGone = after === undefined || (rest.length > 0 && isRecord(after) && Object.keys(after).length === 0);
  return Object.fromEntries(isGone ? others : [...others, [step, after]]);
}
