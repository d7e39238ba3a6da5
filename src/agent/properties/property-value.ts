import { Buffer } from 'node:buffer';
import type { PropertyType } from '../../model/property-definition.ts';
import { CommandError } from './machine-view.ts';

export const maxValueBytes = 64 * 1024;
const maxDepth = 16;

/**
 * What a command gave, as the type that the definition names. Texts are read as that type: a list is a JSON array or lines, an object
 * is JSON or lines of `key: value` or `key=value`. Numbers become whole by leaving out their fraction.
 * @throws CommandError `wrong-type` or `too-large`
 */
export function valueOfType(type: PropertyType, raw: unknown): unknown {
  const value = convert(type, raw);
  if (value === undefined) throw new CommandError('wrong-type', `expected ${type}, found ${described(raw)}`);
  if (isDeeper(value, maxDepth)) throw new CommandError('too-large', `it is nested more than ${maxDepth} deep`);
  const bytes = Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value));
  if (bytes > maxValueBytes)
    throw new CommandError('too-large', `it has ${Math.ceil(bytes / 1024)} KiB, a value has at most ${maxValueBytes / 1024}`);
  return value;
}

function convert(type: PropertyType, raw: unknown): unknown {
  switch (type) {
    case 'int':
      return wholeOf(typeof raw === 'string' && /^\s*[+-]?\d+\s*$/.test(raw) ? Number(raw) : raw);
    case 'float':
      return finiteOf(typeof raw === 'string' && /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/.test(raw) ? Number(raw) : raw);
    case 'string':
      return typeof raw === 'string' ? raw.trim() : typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : undefined;
    case 'bool':
      return boolOf(raw);
    case 'list':
      return Array.isArray(raw) ? raw : typeof raw === 'string' ? listOf(raw.trim()) : undefined;
    case 'object':
      return isObject(raw) ? raw : typeof raw === 'string' ? objectOf(raw.trim()) : undefined;
  }
}

function wholeOf(value: unknown): number | undefined {
  const whole = typeof value === 'number' ? Math.trunc(value) : value;
  return Number.isSafeInteger(whole) ? (whole as number) : undefined;
}

function finiteOf(value: unknown): number | undefined {
  return Number.isFinite(value) ? (value as number) : undefined;
}

function boolOf(raw: unknown): boolean | undefined {
  if (typeof raw === 'boolean') return raw;
  const text = typeof raw === 'string' || typeof raw === 'number' ? String(raw).trim().toLowerCase() : '';
  if (['true', 'yes', 'on', '1', 'up'].includes(text)) return true;
  return ['false', 'no', 'off', '0', 'down'].includes(text) ? false : undefined;
}

function listOf(text: string): unknown[] | undefined {
  if (!text.startsWith('[')) return text === '' ? [] : text.split('\n').map((line) => line.trim());
  const value = jsonOf(text);
  return Array.isArray(value) ? value : undefined;
}

function objectOf(text: string): object | undefined {
  if (text.startsWith('{')) {
    const value = jsonOf(text);
    return isObject(value) ? value : undefined;
  }
  const pairs = text === '' ? [] : text.split('\n').map((line) => /^\s*([^=:]+?)\s*[=:]\s*(.*?)\s*$/.exec(line));
  if (!pairs.every((pair) => pair !== null)) return undefined;
  return Object.fromEntries(pairs.map(([, key = '', value = '']) => [key, value]));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((each) => isDeeper(each, levels - 1));
}

function described(raw: unknown): string {
  if (raw === undefined || raw === null) return 'nothing';
  if (typeof raw === 'object') return Array.isArray(raw) ? 'a list' : 'an object';
  const text = JSON.stringify(raw);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
