import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeService, problem } from './fake-service.ts';
import { runCommand } from './run-command.ts';

const summary = {
  name: 'menu.lst',
  revision: 7,
  published: 3,
  shipped: true,
  edited: true,
  sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  bytes: 10,
  usedBy: ['dom0'],
  draft: { basedOn: 3, author: 'bob', updatedAt: '2026-03-01T11:00:00.000Z' },
  trial: { backTo: 2, until: '2026-03-01T12:10:00.000Z' },
  updatedAt: '2026-03-01T10:00:00.000Z',
  updatedBy: 'anna',
};
const resource = { ...summary, text: 'default 0\n', draft: { ...summary.draft, text: 'default 1\n' } };
const good = {
  name: 'menu.lst',
  machines: 2,
  renders: 2,
  summary: 'renders for 2 of 2 machines',
  problems: [],
  problemsLeftOut: 0,
  broken: [],
};
const bad = {
  ...good,
  renders: 1,
  summary: 'renders for 1 of 2 machines, 1 problem',
  problems: [{ template: 'menu.lst.hbs', line: 12, machine: 'post01', message: 'parameters.rack is missing' }],
  broken: ['post01'],
  grub: '1 scripts read',
};

const files = (file: object) => ({ body: { machine: 'post01', reason: 'profile dom0', files: [file] } });

describe('virtdom template', () => {
  let service: FakeService;
  beforeEach(async () => {
    service = await FakeService.start();
    service.on('GET /templates/menu.lst', { body: resource, headers: { etag: '"7-q"' } });
  });
  afterEach(() => service.close());
  const run = (words: string, more: Partial<Parameters<typeof runCommand>[1]> = {}) =>
    runCommand(['template', ...words.split(' ')], { socket: service.socket, ...more });

  it('lists templates, with drafts and trials', async () => {
    service.on('GET /templates', {
      body: { items: [summary, { ...summary, name: 'own.cfg', published: 0, shipped: false, draft: undefined, trial: undefined }] },
    });
    expect((await run('list')).out).toMatchInlineSnapshot(`
      "NAME      SERVED      EDITED  DRAFT   USED BY  CHANGED              BY
      menu.lst  3 on trial  yes     by bob  dom0     2026-03-01 10:00:00  anna
      own.cfg   shipped     own             dom0     2026-03-01 10:00:00  anna
      "
    `);
  });

  it('prints the text that is served, the draft, or a version, and nothing else', async () => {
    service.on('GET /templates/menu.lst/versions/0', { body: { ...summary, version: 0, text: 'shipped\n' } });
    expect(await run('get menu.lst')).toEqual({ code: 0, out: 'default 0\n', error: '', questions: [] });
    expect((await run('get menu.lst --draft')).out).toBe('default 1\n');
    expect((await run('get menu.lst --version shipped')).out).toBe('shipped\n');
    expect(JSON.parse((await run('get menu.lst -o json')).out)).toEqual(resource);
    service.on('GET /templates/menu.lst', { body: { ...resource, draft: undefined } });
    expect(await run('get menu.lst --draft')).toMatchObject({ code: 3 });
  });

  it('lists versions, the newest first', async () => {
    const items = [
      {
        name: 'menu.lst',
        version: 2,
        sha256: 'a'.repeat(64),
        bytes: 9,
        author: 'anna',
        note: 'serial',
        createdAt: '2026-02-14T10:00:00.000Z',
        origin: 'edit',
      },
      { name: 'menu.lst', version: 0, sha256: 'b'.repeat(64), bytes: 8, author: 'virtdom', note: '', origin: 'shipped' },
    ];
    service.on('GET /templates/menu.lst/versions', { body: { items } });
    expect((await run('versions menu.lst')).out).toMatchInlineSnapshot(`
      "VERSION  MADE (UTC)           AUTHOR   ORIGIN   BYTES  NOTE
      2        2026-02-14 10:00:00  anna     edit         9  serial
      shipped                       virtdom  shipped      8
      "
    `);
  });

  it("renders the draft, a text of one's own, or a version for a machine", async () => {
    const rendered = { name: 'menu.lst', machine: 'post01', path: '/grub/post01.conf', text: 'default 0\n', problems: [] };
    service.on('POST /templates/menu.lst:render', {
      body: { ...rendered, files: [{ path: '/grub/post01.conf' }, { path: '/boot.ipxe' }] },
    });
    expect(await run('render menu.lst -m post01')).toMatchObject({ code: 0, out: 'default 0\n', error: 'it is also part of /boot.ipxe\n' });
    await run('render menu.lst -m post01 -f -', { input: 'mine' });
    await run('render menu.lst -m post01 --version 2');
    expect(service.requests.map(({ query, body }) => [query, body])).toEqual([
      [{ machine: 'post01' }, {}],
      [{ machine: 'post01' }, { text: 'mine' }],
      [{ machine: 'post01' }, { version: 2 }],
    ]);
    expect(await run('render menu.lst')).toMatchObject({ code: 2 });
  });

  it('says template, line and machine of what cannot be rendered', async () => {
    service.on('POST /templates/menu.lst:render', { body: { name: 'menu.lst', machine: 'post01', files: [], problems: bad.problems } });
    expect(await run('render menu.lst -m post01')).toMatchObject({
      code: 1,
      out: '',
      error: 'menu.lst.hbs:12: parameters.rack is missing (machine post01)\nvirtdom: menu.lst cannot be rendered for post01\n',
    });
  });

  it('says that a machine gets nothing of a template, with 3', async () => {
    service.on('POST /templates/menu.lst:render', { body: { name: 'menu.lst', machine: 'post01', files: [], problems: [] } });
    expect(await run('render menu.lst -m post01')).toMatchObject({ code: 3, error: expect.stringContaining('machine explain post01') });
  });

  it('prints what is served at a path', async () => {
    service.on('GET /machines/post01/files', files({ path: '/grub/post01.conf', kind: 'rendered', text: 'menu\n' }));
    expect(await run('render /grub/post01.conf -m post01')).toMatchObject({ code: 0, out: 'menu\n' });
    expect(service.requests[0]?.query).toEqual({ path: '/grub/post01.conf' });
    service.on('GET /machines/post01/files', files({ path: '/x', kind: 'rendered', problem: 'menu.lst.hbs:1: no' }));
    expect(await run('render /x -m post01')).toMatchObject({ code: 1, error: 'virtdom: /x: menu.lst.hbs:1: no\n' });
    service.on('GET /machines/post01/files', { body: { machine: 'post01', reason: 'profile dom0', files: [] } });
    expect(await run('render /x -m post01')).toMatchObject({ code: 3 });
  });

  it('checks one template or all, and ends with 1 where one is not right', async () => {
    service.on('GET /templates', { body: { items: [{ ...summary, name: 'good' }, summary] } });
    service.on('POST /templates/good:check', { body: { ...good, name: 'good' } }).on('POST /templates/menu.lst:check', { body: bad });
    expect(await run('check')).toMatchObject({
      code: 1,
      out: 'good: renders for 2 of 2 machines\n',
      error:
        'menu.lst.hbs:12: parameters.rack is missing (machine post01)\nloses a file that it has now: post01\nGRUB: 1 scripts read\nmenu.lst: renders for 1 of 2 machines, 1 problem\nvirtdom: one template is not right\n',
    });
    const asJson = await run('check -o json');
    expect({ code: asJson.code, names: (JSON.parse(asJson.out) as { name: string }[]).map(({ name }) => name) }).toEqual({
      code: 1,
      names: ['good', 'menu.lst'],
    });
    expect(await run('check good -f -', { input: 'mine' })).toMatchObject({ code: 0 });
    expect(service.requests.at(-1)?.body).toEqual({ text: 'mine' });
  });

  it('compares two texts, and ends with 0 or 1 as diff does', async () => {
    service.on('GET /templates/menu.lst:diff', {
      body: { name: 'menu.lst', from: 'published', to: 'draft', same: false, diff: '-a\n+b\n' },
    });
    expect(await run('diff menu.lst')).toMatchObject({ code: 1, out: '-a\n+b\n', error: '' });
    expect(JSON.parse((await run('diff menu.lst -o json')).out)).toMatchObject({ same: false, diff: '-a\n+b\n' });
    service.on('GET /templates/menu.lst:diff', { body: { name: 'menu.lst', from: '1', to: 'shipped', same: true, diff: '' } });
    expect(await run('diff menu.lst 1 shipped')).toMatchObject({ code: 0, out: '', error: '1 and shipped are the same\n' });
    expect(service.requests.map(({ query }) => query)).toEqual([{}, {}, { from: '1', to: 'shipped' }]);
  });

  it('keeps a draft with the ETag that was seen, and begins a new template', async () => {
    service.on('PUT /templates/menu.lst/draft', { body: resource }).on('PUT /templates/new/draft', { body: resource });
    expect(await run('set menu.lst -f -', { input: 'x' })).toMatchObject({
      code: 0,
      out: expect.stringContaining('virtdom template publish menu.lst'),
    });
    expect(await run('set new -f -', { input: 'y' })).toMatchObject({ code: 0 });
    const puts = service.requests.filter(({ method }) => method === 'PUT').map(({ headers, body }) => [headers['if-match'], body]);
    expect(puts).toEqual([
      ['"7-q"', { text: 'x' }],
      [undefined, { text: 'y' }],
    ]);
  });

  it('edits the draft in an editor', async () => {
    service.on('PUT /templates/menu.lst/draft', { body: resource });
    const environment = { EDITOR: 'sed -i s/1/2/', TMPDIR: service.folder, PATH: process.env['PATH'] ?? '' };
    expect(await run('edit menu.lst', { environment })).toMatchObject({ code: 0 });
    expect(service.requests.at(-1)?.body).toEqual({ text: 'default 2\n' });
  });

  it('publishes with a note, on trial, by force', async () => {
    const { trial: _, ...settled } = resource;
    service.on('POST /templates/menu.lst:publish', { body: { template: settled, written: true, check: good } });
    expect(
      await runCommand(['template', 'publish', 'menu.lst', '--note', 'serial on all', '--force'], { socket: service.socket }),
    ).toMatchObject({
      code: 0,
      out: 'menu.lst: version 3 is served\n',
      error: 'menu.lst: renders for 2 of 2 machines\n',
    });
    service.on('POST /templates/menu.lst:publish', { body: { template: resource, written: true } });
    expect((await run('publish menu.lst --try 10m')).out).toBe(
      'menu.lst: version 3 is served, on trial: back at 2026-03-01 12:10:00 UTC unless confirmed with virtdom template confirm menu.lst\n',
    );
    service.on('POST /templates/menu.lst:publish', { body: { template: resource, written: false } });
    expect(await run('publish menu.lst')).toMatchObject({ code: 0, out: '', error: 'menu.lst: this very text is served already\n' });
    expect(await run('publish menu.lst --dry-run')).toMatchObject({ code: 0, out: '', error: 'dry run: nothing was changed\n' });
    expect(service.to('POST /templates/menu.lst:publish').map(({ headers, body, query }) => [headers['if-match'], body, query])).toEqual([
      ['"7-q"', { note: 'serial on all', force: true }, {}],
      ['"7-q"', { trySeconds: 600 }, {}],
      ['"7-q"', {}, {}],
      ['"7-q"', {}, { dryRun: 'true' }],
    ]);
  });

  it('says which machines a publish would break, and why', async () => {
    const errors = [{ pointer: '/text', object: 'machine/post01', detail: 'menu.lst.hbs:12: parameters.rack is missing' }];
    service.on('POST /templates/menu.lst:publish', problem(422, 'post01 would lose its menu: force it, or mend the draft', { errors }));
    expect((await run('publish menu.lst')).error).toBe(
      'virtdom: post01 would lose its menu: force it, or mend the draft\n  machine/post01 /text: menu.lst.hbs:12: parameters.rack is missing\n',
    );
  });

  it('confirms, rolls back and restores', async () => {
    const answer = { body: { template: { ...resource, trial: undefined, published: 4 }, written: true } };
    for (const action of ['confirm', 'rollback', 'restore']) service.on(`POST /templates/menu.lst:${action}`, answer);
    expect((await run('confirm menu.lst')).out).toBe('menu.lst: version 4 is served\n');
    expect(await run('rollback menu.lst --to 2 --note why')).toMatchObject({ code: 0 });
    expect(await run('restore menu.lst')).toMatchObject({ code: 2 });
    expect(await run('restore menu.lst --yes')).toMatchObject({ code: 0 });
    const posts = service.requests.filter(({ method }) => method === 'POST').map(({ path, body }) => [path, body]);
    expect(posts).toEqual([
      ['/templates/menu.lst:confirm', {}],
      ['/templates/menu.lst:rollback', { to: 2, note: 'why' }],
      ['/templates/menu.lst:restore', {}],
    ]);
    expect(await run('rollback menu.lst --to x')).toMatchObject({ code: 2 });
  });

  it('throws a draft away and deletes a template only when told so', async () => {
    service.on('DELETE /templates/menu.lst/draft', { status: 204 }).on('DELETE /templates/menu.lst', { status: 204 });
    expect(await run('discard menu.lst', { answers: ['n'] })).toMatchObject({
      code: 1,
      questions: ['Throw away the draft of menu.lst by bob? [y/N] '],
    });
    expect(await run('discard menu.lst', { answers: ['yes'] })).toMatchObject({ code: 0 });
    expect(await run('delete menu.lst --yes')).toMatchObject({ code: 0 });
    const deletes = service.requests.filter(({ method }) => method === 'DELETE');
    expect(deletes.map(({ path, headers }) => [path, headers['if-match']])).toEqual([
      ['/templates/menu.lst/draft', '"7-q"'],
      ['/templates/menu.lst', '"7-q"'],
    ]);
  });
});
