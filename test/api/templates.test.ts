import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiRig, shippedTemplates } from './api-rig.ts';

let rig: ApiRig;
beforeAll(async () => {
  rig = await ApiRig.start();
});
afterAll(async () => {
  await rig.close();
});
const shipped = readFileSync(join(shippedTemplates, 'menu.lst.hbs'), 'utf8');
const edited = `# edited\n${shipped}`;

async function saveDraft(text: string, name = 'menu.lst') {
  return await rig.ask('PUT', `/templates/${name}/draft`, {
    body: { text },
    headers: { 'if-match': await rig.etag(`/templates/${name}`) },
  });
}

async function change(action: string, body?: object, headers: Record<string, string> = {}) {
  return await rig.ask('POST', `/templates/menu.lst:${action}`, {
    headers: { 'if-match': await rig.etag('/templates/menu.lst'), ...headers },
    ...(body !== undefined && { body }),
  });
}

describe('templates', () => {
  it('are listed with who uses them, shipped ones as version 0', async () => {
    const answer = await rig.ask('GET', '/templates', { as: 'viewer' });
    const { items } = answer.json<{ items: { name: string }[] }>();
    expect(items.find(({ name }) => name === 'menu.lst')).toMatchObject({
      published: 0,
      shipped: true,
      edited: false,
      usedBy: ['dom0'],
      revision: 0,
    });
    expect((await rig.ask('GET', '/templates/menu.lst')).json()).toMatchObject({ text: shipped });
  });

  it('are edited by two: the second learns of the first, with three ways out (INTERFACES REST 4)', async () => {
    const seen = await rig.etag('/templates/menu.lst');
    const put = (text: string, etag: string) =>
      rig.ask('PUT', '/templates/menu.lst/draft', { body: { text }, headers: { 'if-match': etag } });
    expect((await rig.ask('PUT', '/templates/menu.lst/draft', { body: { text: 'x' } })).statusCode).toBe(428);
    expect((await put(edited, seen)).statusCode).toBe(200);
    const refused = await put(`# mine\n${shipped}`, seen);
    expect(refused.json()).toMatchObject({
      status: 412,
      current: [{ object: 'template/menu.lst', revision: 1, updatedBy: 'token:admin-test' }],
    });
    // One way out: look at theirs, and put one's own over it.
    const diff = await rig.ask('GET', '/templates/menu.lst:diff?from=shipped&to=draft');
    expect(diff.json<{ diff: string }>().diff).toContain('+# edited');
    expect((await put(edited, await rig.etag('/templates/menu.lst'))).statusCode).toBe(200);
  });

  it('are rendered for a machine before they are saved', async () => {
    const answer = await rig.ask('POST', '/templates/menu.lst:render?machine=post01', {
      body: { text: 'hello {{machine.name}}\n' },
      as: 'viewer',
    });
    expect(answer.json()).toMatchObject({ path: '/grub/post01.conf', text: 'hello post01\n', problems: [] });
    const wrong = await rig.ask('POST', '/templates/menu.lst:render?machine=post01', { body: { text: 'one\n{{machine.nonsense}}\n' } });
    expect(wrong.json()).toMatchObject({ problems: [{ template: 'menu.lst.hbs', line: 2, message: 'machine.nonsense is missing' }] });
    expect((await rig.ask('POST', '/templates/menu.lst:render?machine=nobody', { body: {} })).statusCode).toBe(404);
    expect((await rig.ask('POST', '/templates/menu.lst:render', { body: {} })).statusCode).toBe(400);
  });

  it('are checked for every machine that uses them', async () => {
    const good = await rig.ask('POST', '/templates/menu.lst:check', { as: 'viewer' });
    expect(good.json()).toMatchObject({ machines: 2, renders: 2, summary: 'renders for 2 of 2 machines', problems: [] });
    const bad = await rig.ask('POST', '/templates/menu.lst:check', { body: { text: '{{machine.nonsense}}' } });
    expect(bad.json()).toMatchObject({
      machines: 2,
      renders: 0,
      broken: ['post01', 'post02'],
      problems: [{ template: 'menu.lst.hbs', line: 1 }, {}],
    });
  });

  it('are published with a note, and served from then on', async () => {
    await saveDraft(edited);
    const answer = await change('publish', { note: 'a remark' });
    expect(answer.json()).toMatchObject({ written: true, template: { published: 1, edited: true, text: edited }, check: { renders: 2 } });
    const files = await rig.ask('GET', '/machines/post01/files?path=menu.lst');
    expect(files.json<{ files: { text: string }[] }>().files[0]?.text).toMatch(/^# edited/);
    expect((await rig.ask('GET', '/templates/menu.lst/versions')).json()).toMatchObject({
      items: [{ version: 1, author: 'token:admin-test', note: 'a remark', origin: 'edit' }],
    });
  });

  it('that would break machines are not published unless forced; it says which and why', async () => {
    await saveDraft('{{machine.nonsense}}');
    const refused = await change('publish', {});
    expect(refused.json()).toMatchObject({
      status: 422,
      type: '/api/v1/problems/would-break',
      errors: [{ object: 'machine/post01', pointer: '/text' }, { object: 'machine/post02' }],
    });
    expect((await rig.ask('GET', '/templates/menu.lst')).json()).toMatchObject({ published: 1 });
    await rig.ask('DELETE', '/templates/menu.lst/draft', { headers: { 'if-match': await rig.etag('/templates/menu.lst') } });
    expect((await rig.ask('GET', '/templates/menu.lst')).json()).not.toHaveProperty('draft');
  });

  it('on trial go back by themselves, unless they are confirmed', async () => {
    await saveDraft(`# trial\n${shipped}`);
    expect((await change('publish', { trySeconds: 600 })).json()).toMatchObject({ template: { published: 2, trial: { backTo: 1 } } });
    rig.clock.advance(600_001);
    await expect.poll(async () => (await rig.ask('GET', '/templates/menu.lst')).json()).toMatchObject({ published: 1 });
    await saveDraft(`# kept\n${shipped}`);
    await change('publish', { trySeconds: 600 });
    expect((await change('confirm')).json()).toMatchObject({ written: true });
    rig.clock.advance(600_001);
    expect((await rig.ask('GET', '/templates/menu.lst')).json()).toMatchObject({ text: `# kept\n${shipped}` });
    expect((await change('confirm')).statusCode).toBe(409);
  });

  it('are rolled back by a new version, and restored to the shipped file', async () => {
    const back = await change('rollback', { to: 1 });
    expect(back.json()).toMatchObject({ written: true, template: { text: edited } });
    const versions = await rig.ask('GET', '/templates/menu.lst/versions?total=true&limit=1');
    expect(versions.json()).toMatchObject({ items: [{ origin: 'rollback' }], nextCursor: expect.any(String) as string });
    expect((await rig.ask('GET', '/templates/menu.lst/versions/1')).json()).toMatchObject({ text: edited });
    expect((await rig.ask('GET', '/templates/menu.lst/versions/99')).statusCode).toBe(404);
    expect((await change('rollback', { to: 99 })).statusCode).toBe(404);
    expect((await change('restore', { note: 'enough' })).json()).toMatchObject({
      template: { published: 0, edited: false, text: shipped },
    });
  });

  it("of one's own are made from a draft, and deleted while nothing uses them", async () => {
    const made = await rig.ask('PUT', '/templates/own.cfg/draft', { body: { text: 'x\n' } });
    expect(made.json()).toMatchObject({ name: 'own.cfg', shipped: false, text: '', draft: { text: 'x\n' } });
    expect((await rig.ask('DELETE', '/templates/own.cfg')).statusCode).toBe(428);
    expect((await rig.ask('DELETE', '/templates/own.cfg', { headers: { 'if-match': String(made.headers['etag']) } })).statusCode).toBe(204);
    expect((await rig.ask('DELETE', '/templates/menu.lst', { headers: { 'if-match': '*' } })).statusCode).toBe(409);
  });

  it.each(['from=junk', 'from=-1', 'to=12345678901'])('are not compared by ?%s', async (query) => {
    expect((await rig.ask('GET', `/templates/menu.lst:diff?${query}`)).statusCode).toBe(400);
  });
});
