import { expect, it } from 'vitest';
import { isAbandoned, nextLabName, processStartTicks } from '../../src/lab/lab-name.ts';

it('names labs by the process and a number, so that several live side by side', () => {
  const [first, second] = [nextLabName(), nextLabName()];
  expect(first).toMatch(new RegExp(`^virtdom-lab-${process.pid}-\\d+-\\d+$`));
  expect(first).not.toBe(second);
});

it('does not sweep the lab of a process that lives', () => {
  expect(isAbandoned(nextLabName())).toBe(false);
});

it('sweeps the lab of a process that died, also when its id is used again', () => {
  expect(isAbandoned('virtdom-lab-77-1000-1', () => undefined)).toBe(true);
  expect(isAbandoned('virtdom-lab-77-1000-1', () => 2000)).toBe(true);
  expect(isAbandoned('virtdom-lab-77-1000-1', () => 1000)).toBe(false);
});

it('leaves namespaces alone that are not ours', () => {
  expect(isAbandoned('blue', () => undefined)).toBe(false);
  expect(isAbandoned('virtdom-lab-x', () => undefined)).toBe(false);
});

it('knows when a process was started, and that another is none', () => {
  expect(processStartTicks(process.pid)).toBeGreaterThan(0);
  expect(processStartTicks(2 ** 22 + 1)).toBeUndefined();
});
