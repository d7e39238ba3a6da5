import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anna, Rig } from './rig.ts';

let rig: Rig;
beforeEach(async () => void (rig = await new Rig().start()));
afterEach(() => rig.remove());

describe('a shipped file that changes', () => {
  it('is served from then on', async () => {
    rig.ship({ 'menu.lst': 'newer {{name}}\n' });
    expect(await rig.library.reloadShipped()).toEqual([]);
    expect(rig.served('menu.lst')).toBe('newer post01\n');
    expect(rig.notices).toEqual([{ kind: 'shipped-changed', template: 'menu.lst', author: 'virtdom', detail: { served: true } }]);
    expect(await rig.library.reloadShipped()).toEqual([]);
    expect({ sets: rig.user.sets.length, notices: rig.notices.length }).toEqual({ sets: 1, notices: 1 });
  });

  it('is not served where something is published over it, and whoever looks sees that it changed', async () => {
    await rig.publish('menu.lst', 'one\n');
    expect(rig.view('menu.lst').shippedChanged).toBe(false);
    rig.ship({ 'menu.lst': '{{broken for all}}\n' });
    expect(await rig.library.reloadShipped()).toEqual([]);
    expect(rig.served('menu.lst')).toBe('one\n');
    expect(rig.view('menu.lst').shippedChanged).toBe(true);
    await rig.publish('menu.lst', 'two\n');
    expect(rig.view('menu.lst').shippedChanged).toBe(false);
  });

  it('during an edit is told by the version that comes of it', async () => {
    await rig.draft('menu.lst', 'one\n');
    rig.ship({ 'menu.lst': 'newer\n' });
    await rig.library.reloadShipped();
    await rig.draft('menu.lst', 'two\n');
    await rig.library.publish('menu.lst', { ...anna, revision: 2 });
    expect(rig.view('menu.lst')).toMatchObject({ version: 1, shippedChanged: true });
  });

  it.each([
    ['breaks a machine', { 'menu.lst': '{{gone}}\n', 'grub.cfg': 'set n=1\n' }, /gone is missing/],
    ['cannot be parsed', { 'menu.lst': '{{#if\n', 'grub.cfg': 'set n=1\n' }, /Parse error|Expecting/],
    ['is too large', { 'menu.lst': 'x'.repeat(262_145), 'grub.cfg': 'set n=1\n' }, /262145 bytes/],
    ['goes away while it is used', { arguments: undefined, 'grub.cfg': 'set n=1\n' }, /no partial arguments/],
    ['has a name that no template has', { 'menu lst': 'x', 'grub.cfg': 'set n=1\n' }, /no name of a template/],
  ])('and %s changes nothing, nor do those that came with it: the last good ones stay', async (_, files, reason) => {
    rig.ship(files);
    const problems = await rig.library.reloadShipped();
    expect(problems.map(({ message }) => message).join('\n')).toMatch(reason);
    expect(rig.library.shippedProblems).toEqual(problems);
    expect([rig.served('menu.lst'), rig.served('grub.cfg')]).toEqual(['title post01\nconsole=hvc0\n', 'set a=post01\n']);
    rig.ship({ 'menu.lst': 'good\n', arguments: '' });
    if ('menu lst' in files) rig.ship({ 'menu lst': undefined });
    expect(await rig.library.reloadShipped()).toEqual([]);
    expect([rig.served('menu.lst'), rig.served('grub.cfg'), rig.library.shippedProblems]).toEqual(['good\n', 'set n=1\n', []]);
  });

  it('and is refused takes over when a publish clears its way', async () => {
    rig.ship({ 'menu.lst': '{{> missing}}\n' });
    expect(await rig.library.reloadShipped()).toHaveLength(2);
    await rig.publish('missing', 'now here\n');
    expect(rig.served('menu.lst')).toBe('now here\n');
    expect(rig.library.shippedProblems).toEqual([]);
  });

  it('and is new or unused comes and goes', async () => {
    rig.ship({ another: 'x', 'spare.cfg': undefined });
    expect(await rig.library.reloadShipped()).toEqual([]);
    expect(rig.library.list().map(({ name }) => name)).toEqual(['another', 'arguments', 'grub.cfg', 'menu.lst']);
  });

  it('and goes away under a published version leaves that: it is a template of its own then', async () => {
    await rig.publish('menu.lst', 'one\n');
    rig.ship({ 'menu.lst': undefined });
    expect(await rig.library.reloadShipped()).toEqual([]);
    expect(rig.view('menu.lst')).toMatchObject({ version: 1, shippedChanged: true });
    expect(rig.view('menu.lst')).not.toHaveProperty('shippedSha256');
    expect(await rig.library.restore('menu.lst', { ...anna, revision: 2 })).toMatchObject({ kind: 'refused', code: 'not-now' });
  });
});

describe('a comparison', () => {
  beforeEach(async () => {
    await rig.publish('menu.lst', 'title {{name}}\nroot (nd)\n');
    await rig.draft('menu.lst', 'title {{name}}\nroot (hd0)\n');
  });

  it('is a unified diff', async () => {
    expect(await rig.library.diff('menu.lst', 'published', 'draft')).toEqual({
      kind: 'compared',
      diff: '--- menu.lst\tversion 1\n+++ menu.lst\tdraft\n@@ -1,2 +1,2 @@\n title {{name}}\n-root (nd)\n+root (hd0)\n',
    });
  });

  it.each([
    ['shipped', 0],
    ['published', 1],
    ['draft', 'draft'],
  ] as const)('of %s and %s is empty: they are the same', async (from, to) => {
    expect(await rig.library.diff('menu.lst', from, to)).toEqual({ kind: 'compared', diff: '' });
  });

  it.each([
    ['menu.lst', 7, 'there is no version 7'],
    ['grub.cfg', 'draft', 'there is no draft'],
    ['nothing', 'shipped', 'no template nothing'],
  ] as const)('of %s and %s says what is not there', async (name, reference, reason) => {
    expect(await rig.library.diff(name, 'shipped', reference)).toMatchObject({
      kind: 'refused',
      code: 'not-found',
      reason: expect.stringContaining(reason) as string,
    });
  });
});
