import { describe, expect, it } from 'vitest';
import type { TemplateState, TemplateVersion } from '../../src/templates/template-store.ts';
import { SharedStore, atMs, odd } from './shared-store.ts';
import type { StoreUnderTest } from './store-contract.ts';

function state(name: string, revision: number, more: Partial<TemplateState> = {}): TemplateState {
  return { name, revision, published: 0, updatedMs: atMs + revision, updatedBy: 'anna', ...more };
}

function version(name: string, number: number, text = `text ${number}`): TemplateVersion {
  return { name, version: number, text, sha256: 'ab'.repeat(32), author: odd, note: odd, createdMs: atMs, origin: 'edit' };
}

/** Where edited templates outlive the process. */
export function templateContract(make: () => Promise<StoreUnderTest>): void {
  describe('templates', () => {
    const store = new SharedStore(make);
    const templates = () => store.now.templates;
    const find = async (name: string) => (await templates().load()).states.find((one) => one.name === name);

    it('are not there at first', async () => {
      expect(await templates().load()).toEqual({ states: [], versions: [] });
      expect(await templates().versions('menu.lst')).toEqual([]);
      expect(await templates().version('menu.lst', 1)).toBeUndefined();
    });

    it('are given back as they were written, long texts and odd letters too', async () => {
      const text = `${odd}\n`.repeat(20_000);
      const draft = { text: `${text}draft`, basedOn: 0, author: odd, updatedMs: 2 ** 45 };
      const first = state('menu.lst', 1, { published: 1, draft, trial: { backTo: 0, untilMs: 2 ** 44 } });
      expect(await templates().commit({ state: first, added: version('menu.lst', 1, text) })).toEqual({ kind: 'done' });
      await store.reopen();
      expect(await templates().load()).toEqual({ states: [first], versions: [version('menu.lst', 1, text)] });
      expect(await templates().version('menu.lst', 1)).toEqual(version('menu.lst', 1, text));
    });

    it('have their versions listed newest first, each template its own', async () => {
      await templates().commit({ state: state('b', 1, { published: 1 }), added: version('b', 1) });
      for (let n = 2; n <= 11; n++) await templates().commit({ state: state('b', n, { published: n }), added: version('b', n) });
      await templates().commit({ state: state('c', 1, { published: 1 }), added: version('c', 1) });
      expect((await templates().versions('b')).map((one) => one.version)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
      expect(await templates().versions('c')).toEqual([version('c', 1)]);
      expect(await templates().version('c', 2)).toBeUndefined();
    });

    it('are loaded with the versions that are served or gone back to, and no others', async () => {
      await templates().commit({ state: state('d', 1, { published: 1 }), added: version('d', 1) });
      await templates().commit({ state: state('d', 2, { published: 2 }), added: version('d', 2) });
      const trial = { backTo: 1, untilMs: atMs };
      await templates().commit({ state: state('d', 3, { published: 3, trial }), added: version('d', 3) });
      const { versions } = await templates().load();
      expect(versions.filter(({ name }) => name === 'd')).toEqual([version('d', 1), version('d', 3)]);
    });

    it('are changed at their revision only: a conflict gives the state that stands there, and adds no version', async () => {
      await templates().commit({ state: state('e', 1) });
      const second = state('e', 2, { updatedBy: 'bert' });
      await templates().commit({ state: second });
      for (const revision of [1, 2, 4]) {
        const change = { state: state('e', revision, { updatedBy: 'carl', published: 1 }), added: version('e', 1) };
        expect(await templates().commit(change)).toEqual({ kind: 'conflict', current: second });
      }
      expect(await find('e')).toEqual(second);
      expect(await templates().versions('e')).toEqual([]);
    });

    it('that are only the shipped file conflict with nothing', async () => {
      expect(await templates().commit({ state: state('f', 5) })).toEqual({ kind: 'conflict' });
      expect(await find('f')).toBeUndefined();
    });

    it('that many edit at once are changed by one of them', async () => {
      for (const revision of [1, 2]) {
        const changes = Array.from({ length: 10 }, (_, i) => ({ state: state('g', revision, { updatedBy: `author${i}` }) }));
        const outcomes = await Promise.all(changes.map((change) => templates().commit(change)));
        expect(outcomes.filter(({ kind }) => kind === 'done')).toHaveLength(1);
        const winner = changes[outcomes.findIndex(({ kind }) => kind === 'done')]?.state;
        expect(await find('g')).toEqual(winner);
      }
    });

    it('keep state and version together: a version that is there already undoes the change of the state', async () => {
      await templates().commit({ state: state('h', 1, { published: 1 }), added: version('h', 1) });
      await expect(templates().commit({ state: state('h', 2, { published: 1 }), added: version('h', 1) })).rejects.toMatchObject({
        code: 'store-write',
      });
      expect(await find('h')).toMatchObject({ revision: 1 });
    });
  });
}
