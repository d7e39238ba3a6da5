import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TemplatesError } from '../../src/boot/template-error.ts';
import { anna, Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => void (rig = await new Rig().start()));
afterEach(() => rig.remove());

const broken = 'title {{nobody.knows}}\n';

describe('what is served', () => {
  it('is the shipped file until something is published over it, and asks nothing of who uses it while it opens', () => {
    expect(rig.library.list().map(({ name, version, origin, revision }) => ({ name, version, origin, revision }))).toEqual(
      ['arguments', 'grub.cfg', 'menu.lst', 'spare.cfg'].map((name) => ({ name, version: 0, origin: 'shipped', revision: 0 })),
    );
    expect(rig.served('menu.lst')).toBe('title post01\nconsole=hvc0\n');
    expect({ sets: rig.user.sets, checks: rig.user.checks }).toEqual({ sets: [], checks: 0 });
  });

  it('is the published draft from then on, with who published it and why, and after a restart', async () => {
    const result = await rig.publish('menu.lst', 'title 2 {{name}}\n', { note: 'shorter' });
    expect(result).toMatchObject({ kind: 'done', written: true, check: { machines: 2, rendered: 2, problems: [], broken: [] } });
    expect(rig.served('menu.lst')).toBe('title 2 post01\n');
    const wanted = { version: 1, origin: 'edit', author: 'anna', note: 'shorter', sinceMs: rig.clock.now(), revision: 2, versions: 1 };
    expect(rig.view('menu.lst')).toMatchObject(wanted);
    expect(rig.view('menu.lst')).not.toHaveProperty('draft');
    await rig.restart();
    expect(rig.view('menu.lst')).toMatchObject({ ...wanted, text: 'title 2 {{name}}\n' });
    expect(rig.library.current.render('menu.lst', { name: 'x' })).toBe('title 2 x\n');
  });

  it('is not a draft', async () => {
    expect(await rig.draft('menu.lst', broken)).toMatchObject({
      kind: 'done',
      template: { revision: 1, draft: { text: broken, basedOn: 0 } },
    });
    expect({ text: rig.served('menu.lst'), sets: rig.user.sets }).toEqual({ text: 'title post01\nconsole=hvc0\n', sets: [] });
    expect(await rig.library.discardDraft('menu.lst', { ...anna, revision: 1 })).toMatchObject({ kind: 'done', template: { revision: 2 } });
    expect(rig.view('menu.lst')).not.toHaveProperty('draft');
    expect(await rig.library.discardDraft('menu.lst', { ...anna, revision: 2 })).toMatchObject({ kind: 'refused', code: 'not-found' });
  });

  it('makes no new version where the text is served already, and lets go of the draft', async () => {
    await rig.publish('menu.lst', 'one\n');
    const again = await rig.publish('menu.lst', 'one\n');
    expect(again).toMatchObject({ kind: 'done', template: { version: 1, versions: 1 } });
    expect(rig.view('menu.lst')).not.toHaveProperty('draft');
    expect(rig.store.added).toHaveLength(1);
    expect(await rig.publish('grub.cfg', 'set a={{name}}\n')).toMatchObject({ template: { version: 0, versions: 0 } });
  });

  it('stays where the same is asked twice', async () => {
    await rig.draft('menu.lst', 'one\n');
    expect(await rig.draft('menu.lst', 'one\n')).toMatchObject({ kind: 'done', written: false, template: { revision: 1 } });
    expect(await rig.library.restore('menu.lst', { ...anna, revision: 1 })).toMatchObject({ kind: 'done', written: false });
    expect(rig.store.commits).toBe(1);
  });

  it('falls back to the shipped files where a published text cannot be parsed any more, and says so', async () => {
    await rig.publish('menu.lst', 'one\n');
    rig.store.added[0] = { ...rig.store.added[0], text: '{{#if' } as (typeof rig.store.added)[0];
    await rig.restart();
    expect(rig.library.current.render('menu.lst', { name: 'x' })).toBe('title x\nconsole=hvc0\n');
    expect(rig.log.lines.at(-1)).toMatchObject({ level: 'error', message: expect.stringContaining('cannot be parsed') as string });
  });

  it('is nothing where a shipped file cannot be parsed at the start: whoever starts it hears all that is wrong', async () => {
    rig.ship({ 'menu.lst': '{{#if', 'grub.cfg': '{{' });
    await expect(rig.restart()).rejects.toThrow(TemplatesError);
    await expect(rig.restart()).rejects.toThrow(/grub\.cfg\.hbs:1[^]*menu\.lst\.hbs:1/);
  });
});

describe('a publish that breaks a machine', () => {
  it('is refused and says which machines, and where', async () => {
    const result = await rig.publish('menu.lst', `ok\n${broken}`);
    expect(result).toMatchObject({
      kind: 'refused',
      code: 'breaks-machines',
      reason: expect.stringMatching(
        /menu\.lst would break 2 of 2 machines[^]*menu\.lst\.hbs:2: nobody\.knows is missing \(machine post01\)/,
      ) as string,
      check: {
        machines: 2,
        rendered: 0,
        broken: ['post01', 'post02'],
        problems: [{ line: 2, variable: 'nobody.knows', machine: 'post01' }, {}],
      },
    });
    expect({ text: rig.served('menu.lst'), added: rig.store.added }).toEqual({ text: 'title post01\nconsole=hvc0\n', added: [] });
  });

  it('is done where it is forced', async () => {
    const result = await rig.publish('menu.lst', broken, { force: true });
    expect(result).toMatchObject({ kind: 'done', written: true, check: { broken: ['post01', 'post02'] } });
    expect(rig.notices).toMatchObject([{ kind: 'published', template: 'menu.lst', version: 1, author: 'anna', detail: { broken: 2 } }]);
  });

  it('is refused even so where the text cannot be parsed: nobody could be served', async () => {
    expect(await rig.publish('menu.lst', 'a\n{{#if x}}', { force: true })).toMatchObject({
      kind: 'refused',
      code: 'unparsable',
      check: { machines: 2, rendered: 0, problems: [{ template: 'menu.lst.hbs', line: 2 }] },
    });
  });

  it('counts for a partial as well, for all whose menus it goes into', async () => {
    expect(await rig.publish('arguments', '{{gone}}')).toMatchObject({
      code: 'breaks-machines',
      check: { machines: 2, broken: ['post01', 'post02'], problems: [{ template: 'arguments.hbs', variable: 'gone' }, {}] },
    });
    expect(rig.library.usage('arguments')).toEqual({ profiles: ['dom0'], machines: ['post01', 'post02'], partialOf: ['menu.lst'] });
  });

  it('counts for a partial of a partial, and for one that goes into nothing', async () => {
    await rig.publish('inner', 'x');
    await rig.publish('arguments', '{{> inner}}');
    expect(await rig.publish('inner', '{{gone}}')).toMatchObject({
      code: 'breaks-machines',
      check: { machines: 2, broken: ['post01', 'post02'] },
    });
    expect(await rig.publish('spare.cfg', '{{gone}}')).toMatchObject({ kind: 'done', check: { machines: 0, rendered: 0 } });
  });

  it('is not one where nothing can be rendered for a machine, whatever the templates', async () => {
    rig.user.faults.push({ template: '', line: 0, machine: 'post02', message: 'there is no subnet for post02' });
    expect(await rig.publish('menu.lst', 'title 2\n')).toMatchObject({ kind: 'done', check: { machines: 2, rendered: 2, problems: [] } });
  });

  it('is not one where a machine fails for the same reason already, or by another template', async () => {
    rig.user.machines.set('bad', { profile: 'dom0', context: { serial: 'S' } });
    const result = await rig.publish('menu.lst', 'title {{serial}} {{name}}\n');
    expect(result).toMatchObject({ kind: 'done', check: { machines: 3, rendered: 2, broken: [] } });
    expect(result.kind === 'done' && result.check?.problems.map(({ template }) => template)).toEqual(['menu.lst.hbs']);
    expect(await rig.publish('menu.lst', 'title {{serial}} {{other}} {{name}}\n')).toMatchObject({
      check: { broken: ['post01', 'post02', 'bad'] },
    });
  });

  it('is told by a dry run, which changes nothing', async () => {
    await rig.draft('menu.lst', broken);
    const dry = { ...anna, revision: 1, dryRun: true };
    expect(await rig.library.publish('menu.lst', dry)).toMatchObject({ code: 'breaks-machines' });
    expect(await rig.library.publish('menu.lst', { ...dry, force: true })).toMatchObject({
      kind: 'done',
      written: false,
      template: { version: 1, revision: 2, text: broken, author: 'anna' },
    });
    expect({ commits: rig.store.commits, revision: rig.revision('menu.lst'), sets: rig.user.sets, notices: rig.notices }).toEqual({
      commits: 1,
      revision: 1,
      sets: [],
      notices: [],
    });
  });
});

describe('two who edit one template', () => {
  it('are told apart by the revision: the second gets what the first left, and who it was', async () => {
    await rig.library.saveDraft('menu.lst', { author: 'anna', revision: 0, text: 'one\n' });
    const second = await rig.library.saveDraft('menu.lst', { author: 'bert', revision: 0, text: 'two\n' });
    expect(second).toMatchObject({
      kind: 'conflict',
      current: { revision: 1, updatedBy: 'anna', draft: { text: 'one\n', author: 'anna' } },
    });
  });

  it('at the very same moment too', async () => {
    const both = await Promise.all(
      ['anna', 'bert'].map((author) => rig.library.saveDraft('menu.lst', { author, revision: 0, text: author })),
    );
    expect(both.map(({ kind }) => kind)).toEqual(['done', 'conflict']);
  });

  it.each(['publish', 'rollback', 'restore', 'confirm', 'remove', 'discardDraft'] as const)('also for %s', async (change) => {
    await rig.draft('menu.lst', 'one\n');
    const request = { ...anna, revision: 0, version: 1 };
    expect(await rig.library[change]('menu.lst', request)).toMatchObject({ kind: 'conflict', current: { revision: 1 } });
  });

  it('on two servers with one database: what is published on one is served on the other', async () => {
    const other = await new Rig(rig.store).start();
    await rig.publish('menu.lst', 'one\n');
    expect(await other.library.saveDraft('menu.lst', { author: 'bert', revision: 0, text: 'two\n' })).toMatchObject({
      kind: 'conflict',
      current: { version: 1, revision: 2, updatedBy: 'anna', text: 'one\n' },
    });
    expect(other.served('menu.lst')).toBe('one\n');
    await rig.publish('grub.cfg', 'set c=1\n');
    expect(other.served('grub.cfg')).toBe('set a=post01\n');
    rig.store.tell();
    await other.library.reloadShipped();
    expect(other.served('grub.cfg')).toBe('set c=1\n');
    await other.remove();
  });

  it('cannot lose what one publishes while the other is being checked', async () => {
    const other = await new Rig(rig.store).start();
    await rig.draft('menu.lst', 'one\n');
    await other.draft('grub.cfg', 'set d=1\n');
    await Promise.all([
      rig.library.publish('menu.lst', { ...anna, revision: 1 }),
      other.library.publish('grub.cfg', { ...anna, revision: 1 }).then(() => rig.store.tell()),
    ]);
    await rig.library.reloadShipped();
    expect([rig.served('menu.lst'), rig.served('grub.cfg')]).toEqual(['one\n', 'set d=1\n']);
    await other.remove();
  });
});

it('what was read of the database before a change was written does not undo it', async () => {
  const held = Promise.withResolvers<void>();
  rig.store.loadGate = held.promise;
  await rig.draft('menu.lst', 'one\n');
  rig.store.tell();
  await rig.draft('menu.lst', 'two\n');
  held.resolve();
  await rig.library.reloadShipped();
  expect(rig.view('menu.lst')).toMatchObject({ revision: 2, draft: { text: 'two\n' } });
});

describe('the way back', () => {
  it('to a version is a new version with its text', async () => {
    await rig.publish('menu.lst', 'one\n');
    await rig.publish('menu.lst', 'two\n');
    const result = await rig.library.rollback('menu.lst', { ...anna, version: 1, revision: rig.revision('menu.lst') });
    expect(result).toMatchObject({ kind: 'done', template: { version: 3, origin: 'rollback', text: 'one\n', note: 'back to version 1' } });
    expect((await rig.library.versions('menu.lst')).map(({ version, origin, characters }) => [version, origin, characters])).toEqual([
      [3, 'rollback', 4],
      [2, 'edit', 4],
      [1, 'edit', 4],
    ]);
    expect(rig.served('menu.lst')).toBe('one\n');
    expect(await rig.library.rollback('menu.lst', { ...anna, version: 9, revision: rig.revision('menu.lst') })).toMatchObject({
      code: 'not-found',
      reason: 'there is no version 9 of menu.lst',
    });
  });

  it('to the shipped one keeps the history, and follows the file again', async () => {
    await rig.publish('menu.lst', 'one\n');
    expect(await rig.library.rollback('menu.lst', { ...anna, version: 0, revision: 2 })).toMatchObject({
      template: { version: 0, origin: 'shipped', versions: 1, revision: 3 },
    });
    expect(rig.served('menu.lst')).toBe('title post01\nconsole=hvc0\n');
    rig.ship({ 'menu.lst': 'newer\n' });
    expect(await rig.library.reloadShipped()).toEqual([]);
    expect(rig.served('menu.lst')).toBe('newer\n');
    expect(await rig.publish('menu.lst', 'two\n')).toMatchObject({ template: { version: 2 } });
  });

  it('is refused where it breaks machines, as a publish is', async () => {
    await rig.publish('menu.lst', 'title {{serial}}\n');
    await rig.publish('menu.lst', 'two\n');
    for (const [name, { profile }] of rig.user.machines) rig.user.machines.set(name, { profile, context: {} });
    const request = { ...anna, version: 1, revision: rig.revision('menu.lst') };
    expect(await rig.library.rollback('menu.lst', request)).toMatchObject({ code: 'breaks-machines' });
    expect(await rig.library.restore('menu.lst', request)).toMatchObject({ code: 'breaks-machines' });
    expect(await rig.library.rollback('menu.lst', { ...request, force: true })).toMatchObject({ kind: 'done' });
  });
});

describe('a new template', () => {
  it('is a draft first, then served, then deleted once nothing uses it; its revisions and versions go on', async () => {
    expect(await rig.draft('extra', 'x={{name}}\n')).toMatchObject({ kind: 'done', template: { name: 'extra', revision: 1, version: 0 } });
    expect(rig.view('extra')).not.toHaveProperty('text');
    expect(rig.library.current.has('extra')).toBe(false);
    await rig.library.publish('extra', { ...anna, revision: 1 });
    await rig.publish('menu.lst', '{{> extra}}');
    expect(rig.served('menu.lst')).toBe('x=post01\n');
    const deletion = await rig.library.remove('extra', { ...anna, revision: 2 });
    expect(deletion).toMatchObject({ code: 'not-now', reason: 'extra is used by profile dom0, template menu.lst: change that first' });
    await rig.library.restore('menu.lst', { ...anna, revision: rig.revision('menu.lst') });
    const removed = await rig.library.remove('extra', { ...anna, revision: 2 });
    expect({ ...removed, check: undefined }).toEqual({ kind: 'done', written: true });
    expect(rig.library.get('extra')).toBeUndefined();
    expect(rig.served('extra')).toBe('nothing');
    await rig.restart();
    expect(rig.library.list().map(({ name }) => name)).not.toContain('extra');
    expect(await rig.library.saveDraft('extra', { ...anna, revision: 2, text: 'y' })).toEqual({ kind: 'conflict' });
    await rig.library.saveDraft('extra', { ...anna, revision: 0, text: 'y\n' });
    expect(await rig.library.publish('extra', { ...anna, revision: 4 })).toMatchObject({ kind: 'done', template: { version: 2 } });
  });

  it('cannot be deleted while a profile names it, also one that no machine has', async () => {
    await rig.publish('late.cfg', 'set x=1\n');
    rig.user.profiles.set('later', ['late.cfg']);
    expect(await rig.library.remove('late.cfg', { ...anna, revision: 2 })).toMatchObject({
      reason: expect.stringContaining('profile later') as string,
    });
    expect(await rig.library.remove('menu.lst', { ...anna, revision: 0 })).toMatchObject({
      reason: expect.stringContaining('is shipped') as string,
    });
  });
});

describe('bounds', () => {
  it.each(['', '../x', 'a/b', '.hidden', `a${'b'.repeat(64)}`, 'a b', 'a\0'])('no template is called %j', async (name) => {
    expect(await rig.library.saveDraft(name, { ...anna, revision: 0, text: '' })).toMatchObject({ code: 'invalid' });
    expect(await rig.library.check(name, 'x')).toMatchObject({ code: 'invalid' });
  });

  it('a text has 256 KiB, no NUL and no half character', async () => {
    for (const text of ['ä'.repeat(131_073), 'a\0', '\uD800']) {
      expect(await rig.draft('menu.lst', text)).toMatchObject({ code: 'invalid' });
      expect(await rig.library.check('menu.lst', text)).toMatchObject({ code: 'invalid' });
      expect(rig.library.render('menu.lst', 'post01', text)).toMatchObject({ kind: 'failed' });
    }
    expect(await rig.draft('menu.lst', 'ä'.repeat(131_072))).toMatchObject({ kind: 'done' });
  });

  it('a note has 500 characters, a trial a time that can be waited for', async () => {
    await rig.draft('menu.lst', 'one\n');
    const request = { ...anna, revision: 1 };
    expect(await rig.library.publish('menu.lst', { ...request, note: 'n'.repeat(501) })).toMatchObject({ code: 'invalid' });
    for (const tryMs of [0, 999, 1.5, Number.NaN, 604_800_001])
      expect(await rig.library.publish('menu.lst', { ...request, tryMs })).toMatchObject({ code: 'invalid' });
  });

  it('there are 500 templates', async () => {
    for (let number = 0; number < 496; number++) await rig.draft(`more${number}`, 'x');
    expect(rig.library.list()).toHaveLength(500);
    expect(await rig.draft('last', 'x')).toMatchObject({ code: 'too-many' });
    expect(await rig.draft('menu.lst', 'x')).toMatchObject({ kind: 'done' });
  });

  it('eight checks wait, and who comes then is sent away', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => rig.library.check('menu.lst')));
    expect(all.map((result) => (result.kind === 'refused' ? result.code : result.kind))).toEqual([
      ...Array.from({ length: 8 }, () => 'checked'),
      'busy',
      'busy',
    ]);
    expect(await rig.library.check('menu.lst')).toMatchObject({ kind: 'checked' });
  });
});
