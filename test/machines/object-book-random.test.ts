import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { documentsText, exportDocuments } from '../../src/machines/export.ts';
import type { CommitOutcome, ObjectBook } from '../../src/machines/object-book.ts';
import { objectKinds } from '../../src/machines/object-schemas.ts';
import type { ObjectChange, ObjectDocument } from '../../src/machines/object-store.ts';
import { readObjectsText } from '../../src/machines/objects-file.ts';
import { bookOf } from './book-rig.ts';

/** Few enough of everything that changes meet each other. */
const names = fc.constantFrom('a', 'b', 'c');
const address = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', '10.0.1.255', '10.9.0.1');
const cidr = fc.constantFrom('10.0.0.0/24', '10.0.1.0/24', '10.0.0.0/23');
const mac = fc.constantFrom('52:54:00:00:00:01', '52-54-00-00-00-01', '52:54:00:00:00:02', '52:54:00:00:00:03');
const seldom = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, value);
const sometimes = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 2 });

const subnet = fc.record({
  kind: fc.constant('Subnet' as const),
  name: names,
  cidr,
  interface: fc.constantFrom('eth0', 'eth1'),
  serverAddress: sometimes(address),
  router: sometimes(address),
  unknown: sometimes(fc.constantFrom('pending', 'profile:a', 'profile:b')),
});
const profile = fc.record({ kind: fc.constant('Profile' as const), name: names, boot: fc.constantFrom('local', 'network') });
const machine = fc.record({
  kind: fc.constant('Machine' as const),
  name: names,
  nics: fc.array(fc.record({ mac, address: sometimes(address) }), { minLength: 1, maxLength: 2 }),
  profile: sometimes(names),
  role: seldom(names),
});
const bridge = fc.constantFrom('br1', 'br2', 'xenbr0');
const vlan = sometimes(fc.constantFrom(12, 13));
const network = fc.record({
  bridge,
  vlan,
  address: fc.constantFrom('dhcp', '10.0.0.1/24', '10.0.0.1-10.0.0.5/24', '10.0.1.1/23', '10.0.0.4-10.0.0.9/24'),
  mac: sometimes(mac),
});
const environment = fc.record({
  kind: fc.constant('Environment' as const),
  name: names,
  instances: fc.constant('at-most-one'),
  image: fc.constant('worker'),
  memoryMib: fc.constant(512),
  networks: seldom(fc.array(network, { maxLength: 2 })),
  storage: seldom(
    fc.array(
      fc.record({
        kind: fc.constant('block'),
        path: fc.constantFrom('/dev/a', '/dev/b'),
        device: fc.constantFrom('xvda', 'xvdb'),
        writable: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
  ),
  count: fc.constantFrom<unknown>(1, 2, { min: 0, max: 1 }, { min: 0, max: 5 }),
  constraints: seldom(fc.record({ excludes: fc.array(names, { maxLength: 1 }) })),
});
const role = fc.record({
  kind: fc.constant('Role' as const),
  name: names,
  environments: fc.uniqueArray(names, { maxLength: 1 }),
  networks: seldom(fc.array(fc.record({ bridge, vlan }), { maxLength: 2 })),
});
const trigger = fc.record({
  kind: fc.constant('Trigger' as const),
  name: names,
  expr: fc.constant('true'),
  cmd: fc.oneof(
    fc.record({ command: fc.constant('scale'), environment: names, to: fc.constantFrom(0, 1, 2) }),
    fc.record({ command: fc.constant('scale'), environment: names, by: fc.constant(1) }),
    fc.record({ command: fc.constant('assign-role'), role: names, machine: names }),
  ),
});
const step = fc.oneof(
  fc.record({ put: fc.oneof(subnet, profile, machine, environment, role, trigger) }),
  fc.record({ remove: fc.record({ kind: fc.constantFrom(...objectKinds), name: names }) }),
);

/** Of three names one is there already of most kinds, so that references are often right. */
const begun: readonly ObjectDocument[] = [
  { kind: 'Profile', name: 'a', boot: 'local' },
  { kind: 'Machine', name: 'a', nics: [{ mac: '52:54:00:00:00:09' }], role: 'a' },
  { kind: 'Environment', name: 'a', instances: 'at-least-one', image: 'worker', memoryMib: 512, count: { min: 0, max: 5 } },
  { kind: 'Role', name: 'a', environments: ['a'] },
];

/** Without the keys that have no value: as JSON has them. */
function plain(document: object): ObjectDocument {
  return JSON.parse(JSON.stringify(document)) as ObjectDocument;
}

function changeOf(
  { book }: { book: ObjectBook },
  wanted: { put: object } | { remove: Pick<ObjectChange, 'kind' | 'name'> },
): ObjectChange | undefined {
  const document = 'put' in wanted ? plain(wanted.put) : undefined;
  const { kind, name } = document ?? ('remove' in wanted ? wanted.remove : raise());
  const revision = book.current.find(kind, name)?.revision ?? 0;
  if (document === undefined) return revision === 0 ? undefined : { kind, name, revision };
  return { kind, name, revision, document };
}

function raise(): never {
  throw new Error('neither put nor removed');
}

/** All documents as they would be, read as a file that must stand by itself. */
function problemsOfWhole(book: ObjectBook, changes: readonly ObjectChange[]): number {
  const documents = new Map(
    objectKinds.flatMap((kind) => book.current.list(kind).map((stored) => [`${kind}/${stored.name}`, stored.document] as const)),
  );
  for (const { kind, name, document } of changes) {
    documents.delete(`${kind}/${name}`);
    if (document !== undefined) documents.set(`${kind}/${name}`, document);
  }
  return readObjectsText(documentsText([...documents.values()]), 'whole.yaml').problems.length;
}

/** The one thing that stands by itself, and is refused all the same: without any Role a machine's role is free text. */
function isAboutTheLastRole(outcome: CommitOutcome): boolean {
  return (
    outcome.kind === 'invalid' && outcome.problems.every(({ kind, detail }) => kind === 'Role' && detail.startsWith('in use by Machine'))
  );
}

describe('a commit', { timeout: 60_000 }, () => {
  it('checks what a change touches, and finds all that a check of the whole finds', async () => {
    const done = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 5, maxLength: 30, size: 'max' }),
        async (commits) => {
          const rig = await bookOf(...begun);
          for (const wanted of commits) {
            const changes = wanted.flatMap((each) => changeOf(rig, each) ?? []);
            const keys = new Set(changes.map(({ kind, name }) => `${kind}/${name}`));
            if (keys.size < changes.length) continue;
            const problems = problemsOfWhole(rig.book, changes);
            const outcome = await rig.book.commit(changes, { author: 'anna' });
            expect(outcome.kind === 'done' || (problems === 0 && isAboutTheLastRole(outcome))).toBe(problems === 0);
            for (const { kind } of outcome.kind === 'done' ? changes : []) done.set(kind, (done.get(kind) ?? 0) + 1);
          }
          expect(readObjectsText(exportDocuments(rig.book.current), 'export.yaml').problems).toEqual([]);
        },
      ),
      { numRuns: 120 },
    );
    for (const kind of objectKinds) expect({ kind, often: (done.get(kind) ?? 0) > 20 }).toEqual({ kind, often: true });
  });
});

describe('an export', { timeout: 60_000 }, () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('yes', '0x1f', '1e3', '~', 'null', '- a', '1:20', ' a ', '#', 'a: b', '\n', '2026-01-01'),
  );
  const key = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('__proto__', 'toString', 'yes', '5', '&a', '<<'));
  const value = fc.oneof(text, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.array(text));
  const parameters = fc.array(fc.tuple(key, value)).map((entries) => Object.fromEntries(entries));

  it('is read back as what it was made of, whatever texts are in it', () => {
    fc.assert(
      fc.property(parameters, (values) => {
        const document = plain({ kind: 'Machine', name: 'a', nics: [{ mac: '52:54:00:00:00:01' }], parameters: values });
        const exported = documentsText([document]);
        const { documents, problems } = readObjectsText(exported, 'export.yaml');
        expect(problems).toEqual([]);
        expect(documents).toEqual([document]);
        expect(documentsText(documents)).toBe(exported);
      }),
      { numRuns: 300 },
    );
  });
});
