import { isRecord } from './check-shape.ts';
import type { ConfigProblem } from './problems.ts';
import type { ValuePath, YamlDocument } from './yaml-source.ts';

export type Report = (document: YamlDocument, path: ValuePath, message: string, at?: 'value' | 'key') => void;

/** Collects problems of one document after another under the names that people gave the objects. */
export function reporter(problems: ConfigProblem[]): Report {
  return (document, path, message, at = 'value') => {
    const position = at === 'key' ? document.keyPosition(path) : document.positionOf(path);
    problems.push({ ...position, path: [objectTitle(document.value), pathText(path)].filter((part) => part !== '').join(': '), message });
  };
}

/** `Machine post01`, or the kind alone where there is no name. */
function objectTitle(value: unknown): string {
  if (!isRecord(value) || typeof value['kind'] !== 'string') return '';
  return typeof value['name'] === 'string' ? `${value['kind']} ${value['name']}` : value['kind'];
}

/** `nics[0].mac` */
export function pathText(path: ValuePath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

/** A JSON pointer (RFC 6901): `/nics/0/mac`; the whole document is the empty text. */
export function pointerTo(path: ValuePath): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The steps of a JSON pointer. A number may be the index of a list or a key: both are found by their text. */
export function pathOfPointer(pointer: string): ValuePath {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}
