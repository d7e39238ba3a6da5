import { describe, expect, it } from 'vitest';
import { brokenReason } from '../../src/templates/template-check.ts';

const check = (machines: readonly string[]) => ({
  machines: machines.length,
  rendered: 0,
  problems: machines.map((machine) => ({ template: 'menu.lst.hbs', line: 2, variable: 'x', message: 'x is missing', machine })),
  problemsLeftOut: 0,
  broken: machines,
});

describe('why a text is not published', () => {
  it('names each machine once: five with what is wrong, the others by name', () => {
    const reason = brokenReason('menu.lst', check(['a1', 'a2', 'a3', 'a4', 'a5', 'a6', 'a7']));
    expect(reason.split('\n')).toEqual([
      'menu.lst would break 7 of 7 machines; correct it, or force it:',
      ...['a1', 'a2', 'a3', 'a4', 'a5'].map((machine) => `menu.lst.hbs:2: x is missing (machine ${machine})`),
      'and a6, a7',
    ]);
  });

  it('ends with the machines that it tells all of', () => {
    expect(brokenReason('menu.lst', check(['a1'])).split('\n')).toHaveLength(2);
  });
});
