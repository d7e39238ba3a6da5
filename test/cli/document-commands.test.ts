import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mergePatch } from '../../src/cli/merge-patch.ts';
import { FakeService, problem } from './fake-service.ts';
import { runCommand } from './run-command.ts';

const lab = `kind: Profile
name: dom0
---
kind: Machine
name: post01
nics:
  - mac: "52:54:00:00:00:01"
  - mac: nonsense
`;
const applied = { dryRun: false, created: 1, changed: 1, unchanged: 3, deleted: 0 };
const changes = [
  { kind: 'Profile', name: 'dom0', outcome: 'created', revision: 1 },
  { kind: 'Machine', name: 'post01', outcome: 'changed', revision: 2, changes: [{ pointer: '/role', from: 'a', to: 'b' }] },
  { kind: 'Machine', name: 'post02', outcome: 'unchanged', revision: 2 },
];

const stored = (image: string) => ({ body: { documents: [{ kind: 'Profile', name: 'dom0', image }] } });

describe('commands that take documents', () => {
  let service: FakeService;
  let file: string;
  beforeEach(async () => {
    service = await FakeService.start();
    file = join(service.folder, 'lab.yaml');
    writeFileSync(file, lab);
  });
  afterEach(() => service.close());
  const run = (words: readonly string[], more: Partial<Parameters<typeof runCommand>[1]> = {}) =>
    runCommand(words, { socket: service.socket, ...more });

  /** An editor that does what a shell line says with the file in "$1". */
  function editor(...lines: readonly string[]): Record<string, string> {
    const script = join(service.folder, 'editor');
    writeFileSync(
      script,
      `#!/bin/sh\nrun=$(cat ${script}.count 2>/dev/null || echo 0)\necho $((run + 1)) > ${script}.count\ncase $run in\n${lines
        .map((line, index) => `${index}) ${line};;`)
        .join('\n')}\nesac\n`,
    );
    chmodSync(script, 0o755);
    return { EDITOR: script, PATH: process.env['PATH'] ?? '', TMPDIR: service.folder };
  }
  const edit = (environment: Record<string, string>, answers?: string[]) =>
    run(['profile', 'edit', 'dom0'], { environment, ...(answers && { answers }) });
  const puts = () => service.to('PUT /profiles/dom0').map(({ headers, body }) => [headers['if-match'], body]);

  describe('apply', () => {
    it('sends all documents of a file or of standard input at once', async () => {
      service.on('POST /objects:apply', { body: { ...applied, objects: changes } });
      expect(await run(['apply', '-f', file])).toMatchObject({
        code: 0,
        out: 'profile/dom0 created\nmachine/post01 changed\n',
        error: '1 created, 1 changed, 0 deleted, 3 unchanged\n',
      });
      await run(['apply', '-f', '-', '--dry-run'], { input: '{"kind": "Profile", "name": "x"}' });
      expect(service.requests.map(({ body, query }) => [body, query])).toEqual([
        [
          {
            documents: [
              { kind: 'Profile', name: 'dom0' },
              { kind: 'Machine', name: 'post01', nics: [{ mac: '52:54:00:00:00:01' }, { mac: 'nonsense' }] },
            ],
          },
          {},
        ],
        [{ documents: [{ kind: 'Profile', name: 'x' }] }, { dryRun: 'true' }],
      ]);
    });

    it.each([
      ['as the object and the place in it', { pointer: '/nics/1/mac', object: 'machine/post01', detail: 'expected a MAC address' }],
      ['as the place in the request', { pointer: '/documents/1/nics/1/mac', detail: 'expected a MAC address' }],
    ])('says file and line of what the service blames %s', async (_, error) => {
      service.on('POST /objects:apply', problem(422, 'Nothing was changed.', { errors: [error] }));
      const result = await run(['apply', '-f', file]);
      expect(result).toMatchObject({ code: 1, out: '' });
      expect(result.error).toMatch(new RegExp(`^${file}:8:10: Machine post01: nics.1.mac: expected a MAC address\n`));
    });

    it('says what is in no file as the service says it, with the object', async () => {
      const errors = [
        { pointer: '/profile', object: 'machine/post99', detail: 'there is no dom0' },
        { pointer: '', object: 'profile/dom0', detail: 'in use' },
      ];
      service.on('POST /objects:apply', problem(422, 'Nothing was changed.', { errors }));
      expect((await run(['apply', '-f', file])).error).toBe(
        'virtdom: Nothing was changed.\n  machine/post99 /profile: there is no dom0\n  profile/dom0: in use\n',
      );
    });

    it.each([
      ['kind: [', /lab.yaml:1:\d+: not valid YAML/],
      ['- a\n- b\n', /lab.yaml:1:1: expected an object with kind: and name:/],
      ['name: x\n', /lab.yaml:1:1: expected kind:/],
      ['kind: Machine\n', /lab.yaml:1:1: expected name:/],
    ])('refuses what holds no objects before it asks anybody: %j', async (text, message) => {
      writeFileSync(file, text);
      const result = await run(['apply', '-f', file]);
      expect(result.code).toBe(1);
      expect(result.error).toMatch(message);
      expect(service.requests).toEqual([]);
    });

    it('says that a file is missing, with 3', async () => {
      expect(await run(['apply', '-f', '/nonexistent.yaml'])).toMatchObject({ code: 3 });
      expect(await run(['apply', '-f', service.folder])).toMatchObject({ code: 2 });
    });

    it('shows and asks before --prune deletes', async () => {
      const doomed = { kind: 'Machine', name: 'old', outcome: 'deleted' };
      service.on('POST /objects:apply', { body: { ...applied, deleted: 1, objects: [doomed] } });
      expect(await run(['apply', '-f', file, '--prune'])).toMatchObject({ code: 2, out: '' });
      expect(service.requests.map(({ query }) => query)).toEqual([{ dryRun: 'true' }]);
      const { questions, error } = await run(['apply', '-f', file, '--prune'], { answers: ['y'] });
      expect(questions).toEqual(['Delete 1 object? [y/N] ']);
      expect(error).toMatch(/^machine\/old: deleted\n/);
      expect(service.requests.at(-1)).toMatchObject({ query: {}, body: { prune: true } });
    });
  });

  describe('diff', () => {
    it('ends with 0 where nothing differs', async () => {
      service.on('POST /objects:diff', { body: { same: true, objects: [] } });
      expect(await run(['diff', '-f', file])).toMatchObject({ code: 0, out: '' });
    });

    it('ends with 1 where something differs, field by field', async () => {
      service.on('POST /objects:diff', { body: { same: false, objects: changes.slice(0, 2) } });
      expect(await run(['diff', '-f', file])).toMatchObject({
        code: 1,
        out: 'profile/dom0: created\nmachine/post01: changed\n  - /role: "a"\n  + /role: "b"\n',
      });
    });

    it('gives programs the differences as JSON', async () => {
      service.on('POST /objects:diff', { body: { same: false, objects: changes.slice(0, 2) } });
      const { code, out } = await run(['diff', '-f', file, '-o', 'json']);
      expect({ code, objects: JSON.parse(out) as unknown }).toEqual({ code: 1, objects: changes.slice(0, 2) });
    });

    it.each([
      [problem(422, 'no'), 2],
      [problem(500, 'no'), 2],
      [problem(404, 'no'), 3],
    ])('ends with more than 1 where it cannot tell', async (answer, code) => {
      service.on('POST /objects:diff', answer);
      expect(await run(['diff', '-f', file])).toMatchObject({ code, out: '' });
    });

    it('ends with more than 1 for a file that is wrong, and where no service runs', async () => {
      writeFileSync(file, 'kind: [');
      expect((await run(['diff', '-f', file])).code).toBeGreaterThan(1);
      writeFileSync(file, lab);
      expect((await run(['diff', '-f', file, '--server', 'unix:/nonexistent'])).code).toBeGreaterThan(1);
    });
  });

  it('exports documents that apply takes', async () => {
    const documents = [
      { kind: 'Profile', name: 'dom0' },
      { kind: 'Machine', name: 'post01', nics: [{ mac: '52:54:00:00:00:01' }] },
    ];
    service.on('GET /objects:export', { body: { documents } });
    const { out } = await run(['export', '--kind', 'machine']);
    expect(out).toBe('kind: Profile\nname: dom0\n---\nkind: Machine\nname: post01\nnics:\n  - mac: 52:54:00:00:00:01\n');
    expect(service.requests[0]?.query).toEqual({ kind: 'Machine' });
    expect((await run(['export', '-o', 'name'])).out).toBe('profile/dom0\nmachine/post01\n');
    expect(JSON.parse((await run(['export', '-o', 'json'])).out)).toEqual(documents);
    service.on('POST /objects:apply', { body: { ...applied, objects: [] } });
    await run(['apply', '-f', '-'], { input: out });
    expect(service.requests.at(-1)?.body).toEqual({ documents });
  });

  describe('create, edit and delete', () => {
    it('adds an object of a file, without its kind, which the path says', async () => {
      service.on('POST /profiles', { status: 201, body: {} }).on('POST /machines', { status: 201, body: {} });
      expect(await run(['profile', 'create', '-f', '-'], { input: 'kind: Profile\nname: memtest\nboot: local\n' })).toMatchObject({
        code: 0,
        out: 'profile memtest created\n',
      });
      expect(service.requests[0]?.body).toEqual({ name: 'memtest', boot: 'local' });
      await run(['machine', 'create', 'post07', '--mac', '52:54:00:00:00:07', '--address', '192.168.0.17', '--profile', 'dom0']);
      expect(service.requests[1]?.body).toEqual({
        name: 'post07',
        nics: [{ mac: '52:54:00:00:00:07', address: '192.168.0.17' }],
        profile: 'dom0',
      });
    });

    it.each([
      [['profile', 'create', '-f', '-'], 'kind: Machine\nname: a\n'],
      [['profile', 'create', '-f', '-'], lab],
      [['profile', 'create', '-f', '-'], ''],
      [['profile', 'create'], ''],
      [['machine', 'create', 'a'], ''],
    ])('refuses %j of %j', async (words, input) => {
      expect(await run(words, { input })).toMatchObject({ code: 2 });
      expect(service.requests).toEqual([]);
    });

    it('deletes with the ETag that was seen', async () => {
      service.on('GET /profiles/old', { body: {}, headers: { etag: '"7-x"' } }).on('DELETE /profiles/old', { status: 204 });
      expect(await run(['profile', 'delete', 'old'])).toMatchObject({ code: 2 });
      expect(await run(['profile', 'delete', 'old', '--yes'])).toMatchObject({ code: 0, out: 'profile old deleted\n' });
      expect(service.to('DELETE /profiles/old').map(({ headers }) => headers['if-match'])).toEqual(['"7-x"']);
    });

    it('puts what was edited, with the ETag that was read before it', async () => {
      service
        .on('GET /profiles/dom0', { body: {}, headers: { etag: '"1"' } })
        .on('GET /objects:export', stored('a'))
        .on('PUT /profiles/dom0', { body: {} });
      expect(await edit(editor('sed -i s/a$/b/ "$1"'))).toMatchObject({ code: 0, out: 'profile dom0 changed\n' });
      expect(puts()).toEqual([['"1"', { name: 'dom0', image: 'b' }]]);
      expect(service.requests.map(({ path }) => path)).toEqual(['/profiles/dom0', '/objects:export', '/profiles/dom0']);
    });

    it('does nothing where nothing was changed, and where the editor fails', async () => {
      service.on('GET /profiles/dom0', { body: {} }).on('GET /objects:export', stored('a'));
      expect(await edit(editor(':'))).toMatchObject({ code: 0, out: '', error: 'profile dom0: nothing was changed\n' });
      expect(await edit(editor('exit 7', 'exit 7'))).toMatchObject({ code: 1, error: expect.stringContaining('ended with 7') });
      expect(puts()).toEqual([]);
    });

    it('shows file and line of what is refused, and lets it be edited again', async () => {
      let tries = 0;
      service
        .on('GET /profiles/dom0', { body: {}, headers: { etag: '"1"' } })
        .on('GET /objects:export', stored('a'))
        .on('PUT /profiles/dom0', () =>
          ++tries === 1 ? problem(422, 'no', { errors: [{ pointer: '/image', detail: 'expected an image' }] }) : { body: {} },
        );
      const { code, error } = await edit(editor('sed -i s/a$/BAD/ "$1"', 'sed -i s/BAD/c/ "$1"'), ['e']);
      expect(code).toBe(0);
      expect(error).toMatch(/dom0\.yaml:3:8: Profile dom0: image: expected an image\n/);
      expect(puts().at(-1)).toEqual(['"1"', { name: 'dom0', image: 'c' }]);
    });

    it('keeps the text in a file where somebody else was quicker and nobody is there to ask, with 4', async () => {
      service
        .on('GET /profiles/dom0', { body: {}, headers: { etag: '"1"' } })
        .on('GET /objects:export', stored('a'))
        .on('PUT /profiles/dom0', problem(412, 'profile/dom0 is at revision 2 now, changed by bob'));
      const { code, error } = await edit(editor('sed -i s/a$/mine/ "$1"'));
      expect({ code, first: error.split('\n')[0] }).toEqual({
        code: 4,
        first: 'virtdom: profile/dom0 is at revision 2 now, changed by bob',
      });
      const [, kept = ''] = /Your text is kept in (.*)\n/.exec(error) ?? [];
      expect(readFileSync(kept, 'utf8')).toContain('image: mine');
    });

    it.each([
      ['t', 'sed -i s/mine/both/ "$1"', 'both'],
      ['o', ':', 'mine'],
    ])('offers a way out of a conflict: %s', async (answer, second, image) => {
      let revision = 1;
      service
        .on('GET /profiles/dom0', () => ({ body: {}, headers: { etag: `"${revision}"` } }))
        .on('GET /objects:export', () => stored(revision === 1 ? 'a' : 'theirs'))
        .on('PUT /profiles/dom0', ({ headers }) => {
          if (headers['if-match'] === '"2"') return { body: {} };
          revision = 2;
          return problem(412, 'changed by bob');
        });
      const environment = editor(
        'sed -i s/a$/mine/ "$1"',
        `cp "$1" ${service.folder}/seen; cat "\${1%.yaml}.theirs.yaml" >> ${service.folder}/seen; ${second}`,
      );
      const { code, questions, error } = await edit(environment, [answer]);
      expect(code).toBe(0);
      expect(error.includes('-image: a\n+image: theirs\n')).toBe(answer === 't');
      expect(questions[0]).toContain('profile dom0 was changed while you edited it.');
      expect(puts().at(-1)).toEqual(['"2"', { name: 'dom0', image }]);
      const seen = join(service.folder, 'seen');
      expect(existsSync(seen) && /image: mine\n[^]*image: theirs\n/.test(readFileSync(seen, 'utf8'))).toBe(answer === 't');
    });

    it('gives up on a conflict with 4, and names the file with the text', async () => {
      service
        .on('GET /profiles/dom0', { body: {}, headers: { etag: '"1"' } })
        .on('GET /objects:export', stored('a'))
        .on('PUT /profiles/dom0', problem(412, 'changed by bob'));
      expect(await edit(editor('sed -i s/a$/mine/ "$1"'), ['q'])).toMatchObject({
        code: 4,
        error: expect.stringContaining('Your text is kept in'),
      });
    });

    it('edits a machine as a merge patch of what was changed', async () => {
      const document = { kind: 'Machine', name: 'post01', nics: [{ mac: 'a' }], role: 'x', labels: { a: '1', b: '2' } };
      service
        .on('GET /machines/post01', { body: {}, headers: { etag: '"3-y"' } })
        .on('GET /objects:export', { body: { documents: [document] } })
        .on('PATCH /machines/post01', { body: {} });
      const environment = editor('sed -i -e /role/d -e s/a:\\ .1./a:\\ new/ "$1"');
      expect(await run(['machine', 'edit', 'post01'], { environment })).toMatchObject({ code: 0 });
      expect(service.to('PATCH /machines/post01').map(({ headers, body }) => [headers['if-match'], body])).toEqual([
        ['"3-y"', { role: null, labels: { a: 'new' } }],
      ]);
    });

    it('says that a client that waits has to be enrolled before it is edited', async () => {
      service.on('GET /machines/52-54', { body: {} }).on('GET /objects:export', { body: { documents: [] } });
      expect(await run(['machine', 'edit', '52-54'])).toMatchObject({
        code: 3,
        error: expect.stringContaining('virtdom machine assign enrols it'),
      });
    });
  });

  it('makes merge patches (RFC 7396) of what was added, changed and removed', () => {
    expect(mergePatch({ a: 1, b: { c: 1, d: 2 }, e: [1] }, { b: { c: 1, d: 3 }, e: [1, 2], f: {} })).toEqual({
      a: null,
      b: { d: 3 },
      e: [1, 2],
      f: {},
    });
    expect(mergePatch({ a: { b: 1 } }, { a: { b: 1 } })).toEqual({});
  });
});
