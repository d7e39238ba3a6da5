import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { grubScriptCheck, isGrubScript } from '../../src/templates/grub-script.ts';
import { Rig } from './rig.ts';

describe('grub-script-check of grub-common', () => {
  it.each([
    ['a menu', 'menuentry one {\n  linux /vmlinuz\n}\n'],
    ['nothing', ''],
    ['only a comment', '# nothing\n'],
    ['a very long one', 'set a=1\n'.repeat(30_000)],
  ])('takes %s', async (_, script) => {
    expect(await grubScriptCheck(script)).toEqual({ kind: 'sound' });
  });

  it.each([
    ['an if without end', 'set a=b\nif true; then\necho }\n', 3],
    ['a fi without if', 'set a=b\nfi\n', 2],
    ['an error before much else', `fi\n${'set a=1\n'.repeat(30_000)}`, 1],
  ])('refuses %s, with its line', async (_, script, line) => {
    expect(await grubScriptCheck(script)).toMatchObject({ kind: 'faulty', line });
  });

  it('refuses a menu entry without end', async () => {
    expect(await grubScriptCheck('menuentry one {\n  linux /vmlinuz\n')).toMatchObject({ kind: 'faulty' });
  });
});

it.each([
  ['grub.cfg', true],
  ['late.cfg', true],
  ['menu.lst', false],
  ['boot.ipxe', false],
  ['domu.xl', false],
  ['domu.xl.cfg', false],
])('%s is a script of GRUB 2: %s', (name, is) => {
  expect(isGrubScript(name)).toBe(is);
});

function textsOf(rendered: ReturnType<Rig['library']['render']>): unknown {
  return rendered.kind === 'files' ? rendered.files.map(({ bytes }) => Buffer.from(bytes).toString()) : rendered.reason;
}

describe('the check of a template', () => {
  let rig: Rig;
  beforeEach(async () => void (rig = await new Rig().start()));
  afterEach(() => rig.remove());

  it('has GRUB look at what its machines would get, and refuses what it cannot read', async () => {
    rig.grubCheck = grubScriptCheck;
    const result = await rig.publish('grub.cfg', 'set a={{name}}\nif true; then\n');
    expect(result).toMatchObject({
      code: 'breaks-machines',
      check: {
        machines: 2,
        rendered: 0,
        grub: { kind: 'checked', scripts: 1, leftOut: 0 },
        broken: ['post01', 'post02'],
        problems: [
          { template: 'grub.cfg.hbs', machine: 'post01', message: expect.stringMatching(/GRUB cannot read it: .*line \d/) as string },
          {},
        ],
      },
    });
  });

  it('names the line of the template where it is the one of the rendered file', async () => {
    rig.grubCheck = grubScriptCheck;
    const result = await rig.library.check('grub.cfg', '{{#if name}}\nset a={{name}}\n{{/if}}\nfi\n');
    expect(result).toMatchObject({
      check: { problems: [{ line: 4, message: expect.stringContaining('at line 2 of the rendered file (fi)') as string }, {}] },
    });
  });

  it('asks once for machines that differ in names and addresses only', async () => {
    for (let number = 10; number < 60; number++) {
      const name = `node${number}`;
      rig.user.machines.set(name, { profile: 'dom0', context: { name, mac: `02:00:00:00:00:${number}`, address: `10.0.0.${number}` } });
    }
    for (const [name, machine] of rig.user.machines)
      rig.user.machines.set(name, { ...machine, context: { mac: '02:00:00:00:00:01', address: '10.0.0.1', ...machine.context } });
    expect(await rig.library.check('grub.cfg', 'set a={{name}} m={{mac}} i={{address}}\n')).toMatchObject({
      check: { machines: 52, rendered: 52, grub: { kind: 'checked', scripts: 1 } },
    });
    expect(rig.scripts).toHaveLength(1);
  });

  it('asks for 200 scripts at most, and says how many it left out', async () => {
    for (let number = 0; number < 250; number++)
      rig.user.machines.set(`n${number}`, { profile: 'dom0', context: { name: 'n', odd: 'x'.repeat(number) } });
    const check = await rig.library.check('grub.cfg', 'set a={{default odd "none"}}\n');
    expect(check).toMatchObject({ check: { grub: { kind: 'checked', scripts: 200, leftOut: 51 } } });
  });

  it('says that it was not made where the program is missing, and is no obstacle then', async () => {
    rig.grubCheck = () => Promise.resolve({ kind: 'not-checked', reason: 'grub-script-check is not installed (Debian: grub-common)' });
    expect(await rig.publish('grub.cfg', 'fi\n')).toMatchObject({
      kind: 'done',
      check: { grub: { kind: 'not-checked', reason: 'grub-script-check is not installed (Debian: grub-common)' }, problems: [] },
    });
  });

  it('asks nothing for a menu of another syntax', async () => {
    const result = await rig.library.check('menu.lst', 'fi\n');
    expect(result).toMatchObject({ kind: 'checked', check: { machines: 2, rendered: 2 } });
    expect({ grub: result.kind === 'checked' && result.check.grub, scripts: rig.scripts }).toEqual({ grub: undefined, scripts: [] });
  });

  it('renders a text for one machine, also a partial with all that it goes into', () => {
    expect(textsOf(rig.library.render('menu.lst', 'post02', 'hi {{name}}'))).toEqual(['hi post02']);
    expect(textsOf(rig.library.render('arguments', 'post01', 'new'))).toEqual(['title post01\nnew', 'set a=post01\n']);
    expect(textsOf(rig.library.render('grub.cfg', 'post01'))).toEqual(['set a=post01\n']);
    expect(rig.library.render('grub.cfg', 'post01', 'a\n{{')).toMatchObject({ kind: 'failed', problems: [{ line: 2 }] });
    expect(rig.library.render('grub.cfg', 'post01', 'a\n{{gone}}')).toMatchObject({
      kind: 'failed',
      problems: [{ template: 'grub.cfg.hbs', line: 2, machine: 'post01', message: 'gone is missing' }],
    });
  });
});
