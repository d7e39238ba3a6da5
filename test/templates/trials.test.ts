import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { anna, Rig } from './rig.ts';

const minute = 60_000;
let rig: Rig;
beforeEach(async () => void (rig = await new Rig().start()));
afterEach(() => rig.remove());

/** What the library does by itself is done when a change that asked later is. */
function settled(of = rig): Promise<unknown> {
  return of.library.reloadShipped();
}

describe('a publish on trial', () => {
  it('goes back by itself when its time is over, and says so', async () => {
    await rig.publish('menu.lst', 'one\n');
    const result = await rig.publish('menu.lst', 'two\n', { tryMs: 10 * minute });
    expect(result).toMatchObject({ kind: 'done', template: { version: 2, trial: { backTo: 1, untilMs: rig.clock.now() + 10 * minute } } });
    rig.clock.advance(10 * minute - 1);
    await settled();
    expect(rig.served('menu.lst')).toBe('two\n');
    rig.clock.advance(1);
    await settled();
    expect(rig.served('menu.lst')).toBe('one\n');
    expect(rig.view('menu.lst')).toMatchObject({ version: 1, versions: 2, updatedBy: 'virtdom' });
    expect(rig.view('menu.lst')).not.toHaveProperty('trial');
    expect(rig.notices.at(-1)).toEqual({ kind: 'trial-ended', template: 'menu.lst', version: 1, author: 'virtdom', detail: {} });
    expect(rig.clock.pendingTimers).toBe(0);
  });

  it('stays where it is confirmed, once', async () => {
    await rig.publish('menu.lst', 'one\n', { tryMs: minute });
    expect(await rig.library.confirm('menu.lst', { ...anna, revision: 2 })).toMatchObject({
      kind: 'done',
      template: { version: 1, revision: 3 },
    });
    expect(rig.clock.pendingTimers).toBe(0);
    rig.clock.advance(2 * minute);
    await settled();
    expect(rig.served('menu.lst')).toBe('one\n');
    expect(await rig.library.confirm('menu.lst', { ...anna, revision: 3 })).toMatchObject({ kind: 'refused', code: 'not-now' });
  });

  it('over another trial goes back to what was confirmed last', async () => {
    await rig.publish('menu.lst', 'one\n', { tryMs: minute });
    await rig.publish('menu.lst', 'two\n', { tryMs: minute });
    rig.clock.advance(minute);
    await settled();
    expect(rig.view('menu.lst')).toMatchObject({ version: 0, origin: 'shipped' });
  });

  it.each(['publish', 'rollback', 'restore'] as const)('is over with a %s for good', async (change) => {
    await rig.publish('menu.lst', 'one\n');
    await rig.publish('menu.lst', 'two\n', { tryMs: minute });
    await rig.draft('menu.lst', 'three\n');
    const request = { ...anna, version: 1, revision: rig.revision('menu.lst') };
    expect(await rig.library[change]('menu.lst', request)).toMatchObject({ kind: 'done', written: true });
    expect(rig.clock.pendingTimers).toBe(0);
    const { version } = rig.view('menu.lst');
    rig.clock.advance(minute);
    await settled();
    expect(rig.view('menu.lst').version).toBe(version);
  });

  it('goes on where a draft is saved meanwhile, and its end leaves the draft', async () => {
    await rig.publish('menu.lst', 'one\n', { tryMs: minute });
    await rig.draft('menu.lst', 'two\n');
    expect(rig.view('menu.lst')).toMatchObject({ version: 1, trial: { backTo: 0 } });
    rig.clock.advance(minute);
    await settled();
    expect(rig.view('menu.lst')).toMatchObject({ version: 0, draft: { text: 'two\n', basedOn: 1 } });
  });

  it('goes on where the same text is published again: only a confirmation is one', async () => {
    await rig.publish('menu.lst', 'one\n', { tryMs: minute });
    expect(await rig.publish('menu.lst', 'one\n')).toMatchObject({ kind: 'done', template: { version: 1, trial: { backTo: 0 } } });
    rig.clock.advance(minute);
    await settled();
    expect(rig.view('menu.lst').version).toBe(0);
  });

  it('of a week waits for its whole time: no timer takes so long at once', async () => {
    await rig.publish('menu.lst', 'one\n', { tryMs: 7 * 86_400_000 });
    for (let day = 0; day < 6; day++) {
      rig.clock.advance(86_400_000);
      await settled();
    }
    expect(rig.view('menu.lst').version).toBe(1);
    rig.clock.advance(86_400_000);
    await settled();
    expect(rig.view('menu.lst').version).toBe(0);
  });

  it('goes back although the database fails for a while', async () => {
    await rig.publish('menu.lst', 'one\n', { tryMs: minute });
    rig.store.failure = new Error('disk full');
    rig.clock.advance(minute);
    await settled();
    expect({ version: rig.view('menu.lst').version, level: rig.log.lines.at(-1)?.level }).toEqual({ version: 1, level: 'error' });
    rig.store.failure = undefined;
    rig.clock.advance(5_000);
    await settled();
    expect(rig.view('menu.lst').version).toBe(0);
  });
});

describe('a trial over a restart', () => {
  it('keeps its time', async () => {
    await rig.publish('menu.lst', 'one\n', { tryMs: 10 * minute });
    rig.clock.advance(4 * minute);
    await rig.restart();
    expect(rig.view('menu.lst')).toMatchObject({ version: 1, trial: { backTo: 0 } });
    rig.clock.advance(6 * minute);
    await settled();
    expect(rig.view('menu.lst').version).toBe(0);
    expect(rig.served('menu.lst')).toBe('title post01\nconsole=hvc0\n');
  });

  it('goes back at once where its time ran out meanwhile', async () => {
    await rig.publish('menu.lst', 'one\n');
    await rig.publish('menu.lst', 'two\n', { tryMs: minute });
    await rig.library.close();
    expect(rig.clock.pendingTimers).toBe(0);
    rig.clock.advance(minute);
    await rig.start();
    expect(rig.library.current.render('menu.lst', {})).toBe('one\n');
    expect(rig.store.states.get('menu.lst')).toMatchObject({ published: 1, updatedBy: 'virtdom' });
    expect(rig.store.states.get('menu.lst')).not.toHaveProperty('trial');
  });

  it.each(['before', 'after'])('is whole where the process dies %s the publish is written', async (when) => {
    await rig.draft('menu.lst', 'one\n');
    const held = Promise.withResolvers<void>();
    rig.store.gate = held.promise;
    const publishing = rig.library.publish('menu.lst', { ...anna, revision: 1, tryMs: minute });
    await vi.waitUntil(() => rig.user.checks > 0);
    // What a new process finds.
    if (when === 'after') held.resolve();
    if (when === 'after') await publishing;
    const heir = await new Rig(rig.store).start();
    const { version, draft, trial } = heir.view('menu.lst');
    expect({ version, draft: draft?.text, trial: trial !== undefined }).toEqual(
      when === 'after' ? { version: 1, draft: undefined, trial: true } : { version: 0, draft: 'one\n', trial: false },
    );
    held.resolve();
    await publishing;
    await heir.remove();
  });
});

it('two servers end a trial once, and both serve what it goes back to', async () => {
  const other = await new Rig(rig.store).start();
  await rig.publish('menu.lst', 'one\n', { tryMs: minute });
  rig.store.tell();
  await settled(other);
  expect(other.served('menu.lst')).toBe('one\n');
  other.clock.advance(minute);
  rig.clock.advance(minute);
  await Promise.all([settled(), settled(other)]);
  expect([rig.view('menu.lst').version, other.view('menu.lst').version]).toEqual([0, 0]);
  expect([...rig.notices, ...other.notices].filter(({ kind }) => kind === 'trial-ended')).toHaveLength(1);
  await other.remove();
});
