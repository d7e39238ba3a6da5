import type { PropertyType } from '../../model/property-definition.ts';

export const maxValueBytes = 64 * 1024;
export const maxValueDepth = 16;

export type CheckedValue =
  | { readonly kind: 'fits'; readonly bytes: number }
  | { readonly kind: 'wrong'; readonly code: 'type' | 'too-large'; readonly reason: string };

/** Whether a value is what its message says, and how large it is as JSON. */
export function valueProblem(type: PropertyType, value: unknown): CheckedValue {
  if (!isOfType(type, value)) return { kind: 'wrong', code: 'type', reason: `it is said to be ${type}, and is ${nameOf(value)}` };
  if (typeof value === 'number' || typeof value === 'boolean') return { kind: 'fits', bytes: 8 };
  if (typeof value === 'object' && isDeeper(value, maxValueDepth))
    return { kind: 'wrong', code: 'too-large', reason: `it is nested more than ${maxValueDepth} deep` };
  const bytes = typeof value === 'string' ? value.length : JSON.stringify(value).length;
  if (bytes <= maxValueBytes) return { kind: 'fits', bytes };
  return { kind: 'wrong', code: 'too-large', reason: `it has ${Math.ceil(bytes / 1024)} KiB, a value has at most ${maxValueBytes / 1024}` };
}

function isOfType(type: PropertyType, value: unknown): boolean {
  switch (type) {
    case 'int':
      return Number.isSafeInteger(value);
    case 'float':
      return Number.isFinite(value);
    case 'string':
      return typeof value === 'string';
    case 'bool':
      return typeof value === 'boolean';
    case 'list':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
  }
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}
