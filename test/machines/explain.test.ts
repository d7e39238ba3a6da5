import { describe, expect, it } from 'vitest';
import type { DecisionNow, DecisionNowResult } from '../../src/boot/decision-now.ts';
import { builtInWaitingProfile as waiting } from '../../src/boot/waiting.ts';
import { explainMachine } from '../../src/machines/explain.ts';
import type { ExplainedValue, Explanation } from '../../src/machines/explain.ts';
import type { ObjectBook } from '../../src/machines/object-book.ts';
import { resolveSubnet } from '../../src/machines/server-addresses.ts';
import type { Subnet } from '../../src/model/subnet.ts';
import { bookOf, dom0, installer, lab, machineDocument, macOf } from './book-rig.ts';

const subnetDocument = {
  ...lab,
  serverAddress: '192.168.0.5',
  pool: '192.168.200.1-192.168.200.9',
  router: '192.168.0.1',
  leaseSeconds: 600,
  unknown: 'profile:installer',
  parameters: { console: 'tty0', ntp: '192.168.0.1', mirror: 'deb.lab' },
};
const profileDocument = {
  ...dom0,
  image: 'dom0',
  menus: [{ path: '/grub/{name}.conf', template: 'menu.lst' }],
  stageSeconds: { kernel: 60 },
  parameters: { console: 'hvc0', mirror: 'deb.farm' },
};

function servedSubnet(book: ObjectBook): Subnet {
  const [subnet] = book.current.subnets;
  const resolved = subnet === undefined ? undefined : resolveSubnet(subnet, {});
  if (resolved?.kind !== 'served') throw new Error('the subnet of this test is not served');
  return resolved.subnet;
}

/** A machine and its decision, as the boot desk would take it. */
async function rig(fields: Readonly<Record<string, unknown>> = {}, more: Partial<DecisionNow> = {}) {
  const { book } = await bookOf(subnetDocument, profileDocument, installer, machineDocument(1, { profile: 'dom0', ...fields }));
  const subnet = servedSubnet(book);
  const machine = book.current.object('Machine', 'post01');
  const profile = book.current.object('Profile', 'dom0');
  if (machine === undefined || profile === undefined) throw new Error('the objects of this test are wrong');
  const now: DecisionNowResult = {
    kind: 'decided',
    decision: {
      kind: 'boot',
      machine,
      profile,
      subnet,
      bootFile: 'pxegrub',
      nextServer: subnet.serverAddress,
      image: { image: 'dom0', version: 3 },
      reason: 'because',
    },
    machine,
    mac: macOf(1),
    client: { mac: macOf(1), arch: 'bios', face: 'firmware-pxe' },
    clientFrom: 'assumed',
    subnet,
    subnetFrom: 'reservation',
    profileFrom: 'machine',
    reservedAddress: '192.168.1.2',
    ...more,
  };
  const explain = (leased?: string): Explanation =>
    explainMachine('post01', {
      book,
      boots: { decisionNow: () => now },
      unknown: { find: () => undefined },
      leases: { leaseOf: () => leased },
    });
  return { book, explain };
}

function valuesOf(explanation: Explanation): Map<string, ExplainedValue> {
  return new Map(explanation.kind === 'explained' ? explanation.values.map((value) => [value.key, value]) : []);
}

const machineOrigin = { from: 'machine', name: 'post01' };
const profileOrigin = { from: 'profile', name: 'dom0' };
const subnetOrigin = { from: 'subnet', name: 'lab' };

describe('an explanation', () => {
  it('says what the machine would get and why', async () => {
    const { explain } = await rig();
    expect(explain()).toMatchObject({ kind: 'explained', name: 'post01', known: true, decision: 'boot', reason: 'because' });
  });

  it('names of each parameter where it comes from and what it hides: subnet, profile, machine', async () => {
    const { explain } = await rig({ parameters: { console: 'ttyS0' } });
    const values = valuesOf(explain());
    expect(values.get('parameters.console')).toEqual({
      key: 'parameters.console',
      value: 'ttyS0',
      origin: machineOrigin,
      shadowed: [
        { value: 'hvc0', origin: profileOrigin },
        { value: 'tty0', origin: subnetOrigin },
      ],
    });
    expect(values.get('parameters.mirror')).toMatchObject({ value: 'deb.farm', origin: profileOrigin, shadowed: [{ value: 'deb.lab' }] });
    expect(values.get('parameters.ntp')).toMatchObject({ value: '192.168.0.1', origin: subnetOrigin, shadowed: [] });
  });

  it.each([
    ['profile', 'dom0', machineOrigin],
    ['image', 'dom0@3', { from: 'image', name: 'dom0' }],
    ['bootFile', 'pxegrub', profileOrigin],
    ['nextServer', '192.168.0.5', subnetOrigin],
    ['stageSeconds.kernel', 60, profileOrigin],
    ['stageSeconds.mount', 30, { from: 'default' }],
    ['leaseSeconds', 600, subnetOrigin],
    ['mode', 'authoritative', { from: 'default' }],
    ['router', '192.168.0.1', subnetOrigin],
    ['ignored', false, { from: 'default' }],
    ['client', 'firmware-pxe, bios', { from: 'default' }],
    ['menus.menu.lst', '/grub/{name}.conf', profileOrigin],
  ])('has %s: %j of %j', async (key, value, origin) => {
    const { explain } = await rig();
    expect(valuesOf(explain()).get(key)).toMatchObject({ value, origin });
  });

  it('shows that a reservation counts more than a lease, and a lease more than the pool', async () => {
    const { explain } = await rig();
    expect(valuesOf(explain('192.168.200.7')).get('address')).toEqual({
      key: 'address',
      value: '192.168.1.2',
      origin: machineOrigin,
      shadowed: [
        { value: '192.168.200.7', origin: { from: 'lease' } },
        { value: '192.168.200.1-192.168.200.9', origin: subnetOrigin },
      ],
    });
  });

  it('shows that a one-shot boot counts more than the profile, and who asked for it', async () => {
    const oneShot = { id: 'x', machine: 'post01', profile: 'installer', requestedMs: 1, requestedBy: 'anna' };
    const { explain } = await rig({}, { oneShot, profileFrom: 'one-shot' });
    expect(valuesOf(explain()).get('profile')).toMatchObject({
      value: 'installer',
      origin: { from: 'one-shot', name: 'anna' },
      shadowed: [
        { value: 'dom0', origin: machineOrigin },
        { value: 'installer', origin: subnetOrigin },
      ],
    });
  });

  it('says that a boot which goes on keeps what it pinned', async () => {
    const running = { id: 'a1', profile: 'installer', image: 'dom0@2' };
    const { explain } = await rig({}, { running });
    expect(explain()).toMatchObject({ running });
  });

  it('of a machine that is told nothing still says by what', async () => {
    const { explain } = await rig({ ignored: true }, { decision: { kind: 'ignore', reason: 'post01 is ignored' } });
    const explanation = explain();
    expect(explanation).toMatchObject({ decision: 'ignore', reason: 'post01 is ignored' });
    expect(valuesOf(explanation).get('ignored')).toMatchObject({ value: true, origin: machineOrigin });
    expect(valuesOf(explanation).has('bootFile')).toBe(false);
  });

  it('of a client that nobody knows says that it waits, and by which policy', async () => {
    const { book } = await bookOf({ ...subnetDocument, unknown: 'pending' });
    const subnet = servedSubnet(book);
    const mac = macOf(7);
    const machine = { name: '52-54-00-00-00-07', nics: [{ mac }], labels: {}, parameters: {} };
    const profile = { ...waiting, name: 'pending' };
    const explanation = explainMachine(machine.name, {
      book,
      boots: {
        decisionNow: () => ({
          kind: 'decided',
          decision: {
            kind: 'boot',
            machine,
            profile,
            subnet,
            nextServer: subnet.serverAddress,
            waiting: true,
            leaseSeconds: 120,
            reason: 'waits',
          },
          mac,
          client: { mac, face: 'ipxe' },
          clientFrom: 'last boot',
          subnet,
          subnetFrom: 'last boot',
          profileFrom: 'waiting',
        }),
      },
      unknown: { find: () => machine },
      leases: { leaseOf: () => '192.168.200.3' },
    });
    expect(explanation).toMatchObject({ kind: 'explained', known: false, decision: 'wait', reason: 'waits' });
    const values = valuesOf(explanation);
    expect(values.get('profile')).toMatchObject({ value: 'pending', origin: subnetOrigin });
    expect(values.get('leaseSeconds')).toMatchObject({ value: 120, origin: { from: 'default' }, shadowed: [{ value: 600 }] });
    expect(values.get('address')).toMatchObject({ value: '192.168.200.3', origin: { from: 'lease' } });
    expect(values.get('client')).toMatchObject({ value: 'ipxe', origin: { from: 'last boot' } });
  });

  it('of nothing is not to be had', async () => {
    const { book } = await bookOf(machineDocument(1));
    const boots = { decisionNow: () => ({ kind: 'unknown', reason: 'there is no subnet' }) as const };
    const rest = { book, boots, unknown: { find: () => undefined }, leases: { leaseOf: () => undefined } };
    expect(explainMachine('post02', rest)).toEqual({ kind: 'not-found' });
    expect(explainMachine('post01', rest)).toEqual({ kind: 'undecided', reason: 'there is no subnet' });
  });
});
