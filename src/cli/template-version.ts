import { InvalidArgumentError } from 'commander';

/** The number of a version for commander; the shipped file is version 0. */
export function parseVersion(text: string): number {
  if (text === 'shipped') return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected the number of a version, or shipped.');
}
