import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyDocuments, asDocuments } from '../../src/machines/apply.ts';
import { diffDocuments } from '../../src/machines/diff-documents.ts';
import { exportDocuments } from '../../src/machines/export.ts';
import { readObjectsText } from '../../src/machines/objects-file.ts';
import { bookOf, dom0, installer, lab, machineDocument, macOf } from './book-rig.ts';

const author = 'anna';

describe('apply', () => {
  it('says of each object what became of it, field by field, and writes nothing the second time', async () => {
    const { book, store } = await bookOf(lab, dom0, machineDocument(1, { profile: 'dom0' }));
    const documents = [lab, machineDocument(1, { profile: 'dom0', role: 'worker' }), machineDocument(2)];
    expect(await applyDocuments(book, documents, { author })).toEqual({
      kind: 'done',
      written: true,
      objects: [
        { kind: 'Subnet', name: 'lab', outcome: 'unchanged', revision: 1, changes: [] },
        { kind: 'Machine', name: 'post01', outcome: 'changed', revision: 2, changes: [{ pointer: '/role', after: 'worker' }] },
        expect.objectContaining({ name: 'post02', outcome: 'created', revision: 1 }),
      ],
    });
    expect(await applyDocuments(book, documents, { author })).toMatchObject({ kind: 'done', written: false });
    expect(store.commits).toBe(1);
  });

  it('writes all or nothing', async () => {
    const { book } = await bookOf(lab);
    const outcome = await applyDocuments(book, [machineDocument(1), machineDocument(2, { profile: 'gone' })], { author });
    expect(outcome).toMatchObject({ kind: 'invalid', problems: [{ kind: 'Machine', name: 'post02', pointer: '/profile' }] });
    expect(book.current.machines).toHaveLength(0);
  });

  it('takes objects that lean on each other in any order', async () => {
    const { book } = await bookOf();
    const outcome = await applyDocuments(book, [machineDocument(1, { profile: 'dom0' }), dom0, lab], { author });
    expect(outcome).toMatchObject({ kind: 'done', written: true });
  });

  it('deletes the rest only when it is told to, and only of the kinds that it was given', async () => {
    const { book } = await bookOf(lab, dom0, installer, machineDocument(1), machineDocument(2));
    await applyDocuments(book, [machineDocument(1)], { author });
    expect(book.current.machines).toHaveLength(2);
    const outcome = await applyDocuments(book, [machineDocument(1)], { author, prune: true });
    expect(outcome).toMatchObject({ objects: [{ outcome: 'unchanged' }, { name: 'post02', outcome: 'deleted', revision: 0 }] });
    expect(book.current.list('Profile')).toHaveLength(2);
  });

  it('for show tells the same of each object', async () => {
    const { book } = await bookOf(lab, machineDocument(1));
    const documents = [{ ...lab, leaseSeconds: 600 }];
    const shown = await applyDocuments(book, documents, { author, dryRun: true });
    expect(book.current.find('Subnet', 'lab')?.revision).toBe(1);
    const done = await applyDocuments(book, documents, { author });
    expect(shown).toEqual({ ...done, written: false });
  });

  it('names what is no document at all by its place in the list', () => {
    expect(asDocuments([lab, 5, { kind: 'Machin' }, { kind: 'Machine', name: 7 }])).toEqual({
      documents: [lab],
      problems: [
        { pointer: '/1', detail: 'expected an object with kind: Subnet, Profile, Machine, Environment, Role, Trigger' },
        {
          pointer: '/2/kind',
          detail: 'expected Subnet, Profile, Machine, Environment, Role, Trigger, found Machin (did you mean Machine?)',
        },
        { pointer: '/3/name', detail: 'expected a name' },
      ],
    });
  });
});

describe('a difference', () => {
  it('does not lie in the order of keys', () => {
    const turned = Object.fromEntries(Object.entries(lab).toReversed()) as typeof lab;
    expect(diffDocuments(lab, turned)).toEqual([]);
  });

  it('is told at the deepest place that differs', () => {
    const before = machineDocument(1, { labels: { rack: 'a1' } });
    const nics = [{ mac: macOf(1) }, { mac: macOf(2) }];
    const after = machineDocument(1, { labels: { rack: 'a2', 'a/b': 'x' }, nics });
    expect(diffDocuments(before, after)).toEqual([
      { pointer: '/nics/0/address', before: '192.168.1.2' },
      { pointer: '/nics/1', after: { mac: macOf(2) } },
      { pointer: '/labels/rack', before: 'a1', after: 'a2' },
      { pointer: '/labels/a~1b', after: 'x' },
    ]);
  });

  it('of a list of texts is the whole list', () => {
    const before = { ...lab, dnsServers: ['10.0.0.1'] };
    expect(diffDocuments(before, { ...lab, dnsServers: ['10.0.0.2', '10.0.0.1'] })).toEqual([
      { pointer: '/dnsServers', before: ['10.0.0.1'], after: ['10.0.0.2', '10.0.0.1'] },
    ]);
  });
});

describe('export', () => {
  it('is the same text again after it was applied to an empty database', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../docs/examples/lab.example.yaml'), 'utf8');
    const first = await bookOf();
    await applyDocuments(first.book, readObjectsText(text, 'lab.example.yaml').documents, { author });
    const exported = exportDocuments(first.book.current);
    const { documents, problems } = readObjectsText(exported, 'exported.yaml');
    expect(problems).toEqual([]);
    const second = await bookOf();
    await applyDocuments(second.book, documents.toReversed(), { author });
    expect(exportDocuments(second.book.current)).toBe(exported);
  });

  it('is in an order that people expect, with keys in that of the reference and no defaults', async () => {
    const turned = {
      parameters: { b: 1, a: [1, 2].map(String) },
      nics: [{ address: '192.168.1.2', mac: macOf(9) }],
      name: 'post2',
      kind: 'Machine',
    };
    const { book } = await bookOf(machineDocument(10), { ...turned, kind: 'Machine' }, lab);
    expect(exportDocuments(book.current)).toBe(`kind: Subnet
name: lab
cidr: 192.168.0.0/16
interface: eth1
unknown: pending
---
kind: Machine
name: post2
nics:
  - mac: '52:54:00:00:00:09'
    address: 192.168.1.2
parameters:
  a:
    - '1'
    - '2'
  b: 1
---
kind: Machine
name: post10
nics:
  - mac: 52:54:00:00:00:0a
    address: 192.168.1.11
`);
  });
});
