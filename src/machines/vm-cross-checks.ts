import { didYouMean } from '../documents/problems.ts';
import { pathOfPointer } from '../documents/report.ts';
import type { ValuePath } from '../documents/yaml-source.ts';
import { addressCount, parseVmAddress } from '../model/vm-address.ts';
import { cidrContains, formatIpv4, ipv4Number } from '../model/ipv4.ts';
import type { Machine } from '../model/machine.ts';
import { bootBridge } from '../model/vm-environment.ts';
import type { Role, Trigger, TriggerCommand, VmEnvironment, VmNetwork, VmStorage } from '../model/vm-environment.ts';
import type { Blame, Candidate } from './candidate.ts';
import type { ObjectKind } from './object-schemas.ts';
import { checkBridges, checkVmAddresses } from './vm-network-checks.ts';

const maxCards = 8;
const maxDisks = 16;
const maxRoleProperties = 64;

/** Checks how environments, roles and triggers fit together, and machines to roles; one step at a time. */
export function* vmCheckSteps(candidate: Candidate, blame: Blame): Generator<void> {
  const { put, deleted } = candidate;
  const putOf = <Each>(kind: ObjectKind, all: ReadonlyMap<string, Each>): Each[] =>
    put.filter((document) => document.kind === kind).flatMap(({ name }) => all.get(name) ?? []);
  const environments = putOf('Environment', candidate.environments);
  for (const environment of environments) {
    yield;
    checkEnvironment(environment, candidate, blame);
  }
  for (const role of putOf('Role', candidate.roles)) {
    yield;
    checkRole(role, candidate, blame);
  }
  for (const trigger of putOf('Trigger', candidate.triggers)) {
    yield;
    checkTrigger(trigger, candidate, blame);
  }
  if (environments.length > 0) yield* checkScaled(environments, candidate, blame);
  yield* checkMachineRoles(putOf('Machine', candidate.machines), candidate, blame);
  yield* checkDisks(candidate, blame);
  yield* checkBridges(candidate, blame);
  yield* checkVmAddresses(candidate, blame);
  if (deleted.length > 0) yield* checkUnnamed(candidate, blame);
}

function checkEnvironment(environment: VmEnvironment, candidate: Candidate, blame: Blame): void {
  const { name, count, networks, storage, kernelArguments, constraints } = environment;
  const report = (path: ValuePath, message: string): void => blame('Environment', name, path, message);
  if (count.min > count.max) report(['count'], `expected min below max, found ${count.min} and ${count.max}`);
  if (networks.length > maxCards) report(['networks'], `expected at most ${maxCards}, found ${networks.length}`);
  if (storage.length > maxDisks) report(['storage'], `expected at most ${maxDisks}, found ${storage.length}`);
  for (const [index, network] of networks.entries()) {
    checkNetwork(environment, network, (key, message) => report(['networks', index, key], message));
  }
  const gateways = networks.flatMap(({ gateway }, index) => (gateway === undefined ? [] : index));
  if (gateways.length > 1) report(['networks', gateways[1] ?? 0, 'gateway'], 'expected one default gateway, another card has one already');
  checkStorage(environment, report);
  for (const [index, argument] of kernelArguments.entries()) {
    if (/^virtdom\.(?!env\.)/.test(argument))
      report(['kernelArguments', index], 'expected none that virtdom writes itself; its own begin with virtdom.env.');
    else if (/["'\\{}]/.test(argument))
      report(['kernelArguments', index], 'expected no quotes, backslashes and braces: it stands in an xl.cfg');
  }
  for (const key of ['apartFrom', 'excludes'] as const) {
    for (const [index, other] of constraints[key].entries()) {
      checkReference('Environment', other, ['constraints', key, index], candidate, report);
    }
  }
}

type ReportKey = (key: keyof VmNetwork, message: string) => void;

function checkNetwork(environment: VmEnvironment, network: VmNetwork, report: ReportKey): void {
  const { instances, count } = environment;
  if (network.bridge === bootBridge && network.vlan !== undefined) {
    report('vlan', `expected none: ${bootBridge} is the network that the Dom0 booted through; a VLAN has a bridge of its own, from a Role`);
  }
  const atMost = Math.max(count.min, count.max);
  if (network.mac !== 'derived' && (instances !== 'at-most-one' || atMost > 1)) {
    report('mac', `expected derived: a fixed MAC address is for instances: at-most-one with count 1, found ${instances} with ${atMost}`);
  }
  const address = parseVmAddress(network.address);
  if (address === undefined) return;
  const room = addressCount(address);
  if (room === 1 && instances !== 'at-most-one') {
    report('address', 'expected dhcp, none or a range: a fixed address is for instances: at-most-one, or two VMs could have it at once');
  } else if (room < atMost) {
    report('address', `expected room for ${atMost} VMs, as count says, found ${network.address} with ${room}`);
  }
  const { gateway } = network;
  if (gateway === undefined) return;
  if (address.kind !== 'range') {
    report('gateway', `expected none with address: ${address.kind}`);
    return;
  }
  const number = ipv4Number(gateway);
  const within = `${formatIpv4(address.network.network)}/${address.network.prefixLength}`;
  if (!cidrContains(address.network, number)) report('gateway', `expected an address in ${within}, found ${gateway}`);
  else if (number >= address.first && number <= address.last)
    report('gateway', `expected an address outside ${network.address}, found ${gateway}`);
}

function checkStorage({ instances, count, storage }: VmEnvironment, report: (path: ValuePath, message: string) => void): void {
  const devices = new Set<string>();
  for (const [index, each] of storage.entries()) {
    const device = each.kind === 'nfs' ? 'the NFS root' : each.device;
    const key = each.kind === 'nfs' ? 'kind' : 'device';
    if (devices.has(device)) report(['storage', index, key], `expected one of its own, ${device} stands above already`);
    devices.add(device);
    if (each.kind === 'nfs' || !each.writable || (instances === 'at-most-one' && count.max <= 1)) continue;
    report(
      ['storage', index, 'writable'],
      `expected false: two VMs that write one disk destroy it; it is for instances: at-most-one with count 1, found ${instances} with ${count.max}`,
    );
  }
}

function checkRole(role: Role, candidate: Candidate, blame: Blame): void {
  const report = (path: ValuePath, message: string): void => blame('Role', role.name, path, message);
  const seen = new Set<string>();
  for (const [index, environment] of role.environments.entries()) {
    if (seen.has(environment)) report(['environments', index], `expected each once, ${environment} stands above already`);
    else checkReference('Environment', environment, ['environments', index], candidate, report);
    seen.add(environment);
  }
  const bridges = new Set<string>();
  const places = new Set<string>();
  for (const [index, { bridge, vlan, nic }] of role.networks.entries()) {
    const at = (key: string): ValuePath => ['networks', index, key];
    if (bridge === bootBridge && (vlan !== undefined || nic !== undefined)) {
      report(at('bridge'), `expected another name: ${bootBridge} is the bridge that the Dom0 booted through, and stays as it is`);
    }
    if (bridges.has(bridge)) report(at('bridge'), `expected a name of its own, ${bridge} stands above already`);
    const place = `${nic ?? 'the NIC that the host booted by'}${vlan === undefined ? ', untagged' : `, VLAN ${vlan}`}`;
    if (places.has(place)) report(at(vlan === undefined ? 'bridge' : 'vlan'), `expected one bridge on ${place}; another stands above`);
    bridges.add(bridge);
    places.add(place);
  }
  checkProperties(role, candidate, report);
  const { match } = role;
  if (match === undefined) return;
  if (match.when === undefined && Object.keys(match.labels ?? {}).length === 0) {
    report(['match'], 'expected labels or when; it would match every host');
  } else if (match.when !== undefined) {
    for (const { detail } of candidate.checkExpression?.({ kind: 'rule', expression: match.when }) ?? []) report(['match', 'when'], detail);
  }
}

function checkProperties({ properties }: Role, candidate: Candidate, report: (path: ValuePath, message: string) => void): void {
  if (properties.length > maxRoleProperties) {
    report(['properties'], `expected at most ${maxRoleProperties}, found ${properties.length}`);
    return;
  }
  const seen = new Set<string>();
  for (const [index, property] of properties.entries()) {
    if (seen.has(property.name)) report(['properties', index, 'name'], `expected each once, ${property.name} stands above already`);
    seen.add(property.name);
    for (const { pointer, detail } of candidate.checkExpression?.({ kind: 'property', property }) ?? [])
      report(['properties', index, ...pathOfPointer(pointer)], detail);
  }
}

function checkTrigger(trigger: Trigger, candidate: Candidate, blame: Blame): void {
  const report = (path: ValuePath, message: string): void => blame('Trigger', trigger.name, path, message);
  const { cmd } = trigger;
  const machine = machineOf(cmd);
  if (machine !== undefined) checkReference('Machine', machine, ['cmd', 'machine'], candidate, report);
  if (cmd.command === 'assign-role') checkReference('Role', cmd.role, ['cmd', 'role'], candidate, report);
  if (cmd.command === 'scale') {
    checkReference('Environment', cmd.environment, ['cmd', 'environment'], candidate, report);
    const environment = candidate.environments.get(cmd.environment);
    const problem = environment && scaleProblem(cmd, environment);
    if (problem !== undefined) report(['cmd', problem.key], problem.detail);
  }
  for (const { pointer, detail } of candidate.checkExpression?.({ kind: 'trigger', trigger }) ?? []) report(pathOfPointer(pointer), detail);
}

type Scale = Extract<TriggerCommand, { command: 'scale' }>;

function scaleProblem({ to }: Scale, { name, count }: VmEnvironment): { readonly key: string; readonly detail: string } | undefined {
  const { min, max } = count;
  if (min === max) return { key: 'environment', detail: `expected one whose count has min and max, ${name} has always ${min}` };
  if (to === undefined || (to >= min && to <= max)) return undefined;
  return { key: 'to', detail: `expected ${min} to ${max}, as Environment ${name} says, found ${to}` };
}

/** A trigger that does not change is not to blame where its environment no longer lets itself be scaled like that. */
function* checkScaled(changed: readonly VmEnvironment[], { triggers, put }: Candidate, blame: Blame): Generator<void> {
  const byName = new Map(changed.map((environment) => [environment.name, environment]));
  const told = new Set(put.flatMap(({ kind, name }) => (kind === 'Trigger' ? name : [])));
  for (const { name, cmd } of triggers.values()) {
    yield;
    const environment = cmd.command === 'scale' && !told.has(name) ? byName.get(cmd.environment) : undefined;
    if (environment === undefined || cmd.command !== 'scale' || scaleProblem(cmd, environment) === undefined) continue;
    const asked = cmd.to === undefined ? 'other numbers than one' : String(cmd.to);
    blame(
      'Environment',
      environment.name,
      ['count'],
      `expected a count that allows ${asked}, since Trigger ${name} scales it; change that first`,
    );
  }
}

function machineOf(cmd: TriggerCommand): string | undefined {
  return 'machine' in cmd ? cmd.machine : undefined;
}

function checkReference(
  kind: 'Environment' | 'Role' | 'Machine',
  name: string,
  path: ValuePath,
  candidate: Candidate,
  report: (path: ValuePath, message: string) => void,
): void {
  const all = { Environment: candidate.environments, Role: candidate.roles, Machine: candidate.machines }[kind];
  if (all.has(name) || candidate.broken[kind].has(name)) return;
  const known = kind === 'Machine' ? [] : [...all.keys(), ...candidate.broken[kind]];
  report(path, `expected the name of ${kind === 'Environment' ? 'an' : 'a'} ${kind}, there is no ${name}${didYouMean(name, known)}`);
}

/** Where nobody has made a Role yet, a machine's role is free text, as it was before there were any. */
function* checkMachineRoles(machines: readonly Machine[], candidate: Candidate, blame: Blame): Generator<void> {
  const { roles, broken, put } = candidate;
  if (roles.size + broken.Role.size === 0) return;
  for (const { name, role } of machines) {
    yield;
    if (role === undefined) continue;
    checkReference('Role', role, ['role'], candidate, (path, message) => blame('Machine', name, path, message));
  }
  const changedRoles = put.flatMap(({ kind, name }) => (kind === 'Role' ? name : []));
  const [first] = changedRoles;
  if (first === undefined || changedRoles.length < roles.size) return;
  // All roles are new, so the roles of machines that do not change have not been looked at.
  const changed = new Set(machines);
  for (const machine of candidate.machines.values()) {
    yield;
    const { name, role } = machine;
    if (role === undefined || changed.has(machine) || roles.has(role) || broken.Role.has(role)) continue;
    blame(
      'Role',
      first,
      [],
      `expected also a Role ${role} with it, since Machine ${name} names that; once there are Roles, each role is one`,
    );
    return;
  }
}

/** A disk that an environment writes is of no other one, of not even one that only reads it. */
function* checkDisks({ put, environments }: Candidate, blame: Blame): Generator<void> {
  const changed = new Set(put.flatMap(({ kind, name }) => (kind === 'Environment' ? name : [])));
  if (changed.size === 0) return;
  const users = new Map<string, { readonly name: string; readonly writes: boolean }>();
  const unchangedFirst = [...environments.values()].toSorted((a, b) => Number(changed.has(a.name)) - Number(changed.has(b.name)));
  for (const { name, storage } of unchangedFirst) {
    yield;
    for (const [index, each] of storage.entries()) {
      if (each.kind === 'nfs') continue;
      const disk = diskText(each);
      const other = users.get(disk);
      if (other !== undefined && other.name !== name && (other.writes || each.writable) && changed.has(name)) {
        const who = other.writes
          ? `is written by Environment ${other.name}`
          : `is read by Environment ${other.name}, and this one writes it`;
        blame('Environment', name, ['storage', index], `expected a disk of its own, ${disk} ${who}`);
      }
      if (other === undefined || each.writable) users.set(disk, { name, writes: each.writable });
    }
  }
}

function diskText(disk: Exclude<VmStorage, { kind: 'nfs' }>): string {
  switch (disk.kind) {
    case 'file':
    case 'block':
      return `${disk.kind} ${disk.path}`;
    case 'iscsi':
      return `iscsi ${disk.portal} ${disk.target} ${disk.lun}`;
    case 'aoe':
      return `aoe e${disk.shelf}.${disk.slot}`;
    case 'rbd':
      return `rbd ${disk.pool}/${disk.image}`;
  }
}

/** Who is still named cannot go. */
function* checkUnnamed(candidate: Candidate, blame: Blame): Generator<void> {
  const gone = new Set(candidate.deleted.map(({ kind, name }) => `${kind}/${name}`));
  const users = new Map<string, string[]>();
  const note = (kind: ObjectKind, name: string | undefined, user: string): void => {
    const key = `${kind}/${name}`;
    if (gone.has(key)) users.set(key, [...(users.get(key) ?? []), user]);
  };
  for (const { name, environments } of candidate.roles.values()) for (const each of environments) note('Environment', each, `Role ${name}`);
  for (const { name, constraints } of candidate.environments.values()) {
    for (const each of new Set([...constraints.apartFrom, ...constraints.excludes])) note('Environment', each, `Environment ${name}`);
  }
  for (const { name, cmd } of candidate.triggers.values()) {
    if (cmd.command === 'scale') note('Environment', cmd.environment, `Trigger ${name}`);
    if (cmd.command === 'assign-role') note('Role', cmd.role, `Trigger ${name}`);
    note('Machine', machineOf(cmd), `Trigger ${name}`);
  }
  if (candidate.deleted.some(({ kind }) => kind === 'Role')) {
    for (const { name, role } of candidate.machines.values()) {
      yield;
      note('Role', role, `Machine ${name}`);
    }
  }
  for (const { kind, name } of candidate.deleted) {
    const [first, ...rest] = users.get(`${kind}/${name}`) ?? [];
    if (first === undefined) continue;
    blame(kind, name, [], `in use by ${first}${rest.length > 0 ? ` and ${rest.length} more` : ''}; change that first`);
  }
}
