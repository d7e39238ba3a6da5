import { describe, expect, it } from 'vitest';
import { LocalProperties } from '../../src/agent/properties/local-properties.ts';
import { propertyCommands } from '../../src/agent/properties/property-commands.ts';
import type { PropertyDefinition } from '../../src/agent/properties/property-definition.ts';
import { boot, FakeDom0 } from './fake-dom0.ts';
import { RecordedMachine } from './properties/recorded-machine.ts';

const own: PropertyDefinition = {
  name: 'ram_free',
  command: 'ram',
  parameters: ['MemFree'],
  type: 'int',
  ticks: 0,
  timeoutSeconds: 10,
  origin: '/etc/virtdom/properties.d/10-machine.yaml:1',
};
const load = { name: 'load_5', command: 'load', parameters: 5, return_type: 'float', ticks: 10, timeout: 10 };

/** A Dom0 whose agent extracts as a real one does, from recorded files. */
async function extracting(): Promise<{ readonly dom0: FakeDom0; readonly view: RecordedMachine }> {
  const dom0 = new FakeDom0();
  const view = new RecordedMachine();
  dom0.properties = new LocalProperties({
    machine: 'post01',
    clock: dom0.clock,
    log: dom0.log,
    view,
    commands: propertyCommands,
    definitions: [own],
  });
  await dom0.listen();
  await dom0.startAgent();
  await dom0.ready();
  dom0.heard.length = 0;
  return { dom0, view };
}

function define(dom0: FakeDom0, definitions: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): Promise<void> {
  return dom0.send({ kind: 'CONTROL', id: 'd', action: 'properties', boot, session: 1, definitions, ...more });
}

async function listed(dom0: FakeDom0): Promise<(readonly [string, string])[]> {
  await dom0.send({ kind: 'GETPROP', names: [] });
  const list = dom0.heard.findLast((message) => message.kind === 'PROPLIST');
  return list?.properties.map(({ name, origin }) => [name, origin] as const) ?? [];
}

const complaints = ({ heard }: FakeDom0) => heard.filter((message) => message.kind === 'PROPERR');

describe('definitions that a manager sends to an agent', () => {
  it('are extracted beside its own at their ticks, and answered', async () => {
    const { dom0 } = await extracting();
    await define(dom0, [load]);
    expect(dom0.heard).toMatchObject([{ kind: 'CONTROLVAL', reply: 'd', action: 'properties' }]);
    expect(await listed(dom0)).toEqual([
      ['ram_free', own.origin],
      ['load_5', 'manager'],
    ]);
    await dom0.pass(12_000);
    const said = dom0.heard.filter((message) => message.kind === 'PROPVAL').flatMap(({ values }) => values);
    expect(said.map(({ name }) => name)).toContain('load_5');
  });

  it('take the place of those that it sent before, and an empty list takes them away', async () => {
    const { dom0 } = await extracting();
    await define(dom0, [load]);
    await define(dom0, [{ ...load, name: 'load_1', parameters: 1 }]);
    expect((await listed(dom0)).map(([name]) => name)).toEqual(['ram_free', 'load_1']);
    await define(dom0, []);
    expect((await listed(dom0)).map(([name]) => name)).toEqual(['ram_free']);
  });

  it('are taken away by a session that says so', async () => {
    const { dom0 } = await extracting();
    await define(dom0, [load]);
    await dom0.session(2);
    expect((await listed(dom0)).map(([name]) => name)).toEqual(['ram_free', 'load_5']);
    await dom0.session(3, { definitions: [] });
    expect((await listed(dom0)).map(([name]) => name)).toEqual(['ram_free']);
  });

  it('are refused where the machine defines one of that name itself, and the others work', async () => {
    const { dom0 } = await extracting();
    await define(dom0, [{ ...load, name: 'ram_free' }, load]);
    expect(complaints(dom0)).toMatchObject([
      { reply: 'd', name: 'ram_free', code: 'definition', reason: `${own.origin} defines it already, and comes first` },
    ]);
    expect(await listed(dom0)).toEqual([
      ['ram_free', own.origin],
      ['load_5', 'manager'],
    ]);
  });

  it.each(['raid-state.sh', '../../../bin/sh', '/bin/sh', 'a/../b'])('run no script, whatever they call it: %s', async (parameters) => {
    const { dom0, view } = await extracting();
    await define(dom0, [{ name: 'raid', command: 'exec', parameters, return_type: 'string', ticks: 1 }]);
    expect(complaints(dom0)).toMatchObject([
      { name: 'raid', reason: expect.stringContaining('exec is only for definitions in the files') as string },
    ]);
    await dom0.send({ kind: 'FETCHPROP', names: ['raid'] });
    await dom0.pass(5000);
    expect(view.asked).toEqual([]);
  });

  it.each([
    ['another boot', { boot: boot + 1 }],
    ['an earlier session', { session: 0 }],
  ])('of %s are not taken', async (_, more) => {
    const { dom0 } = await extracting();
    await define(dom0, [load], more);
    expect(dom0.heard).toMatchObject([{ kind: 'CONTROLERR', reply: 'd', action: 'properties' }]);
    expect((await listed(dom0)).map(([name]) => name)).toEqual(['ram_free']);
  });
});
