import type { Parameters } from '../model/machine.ts';
import type { VmEnvironment, VmNetwork, VmStorage } from '../model/vm-environment.ts';
import type { Vm, VmCard } from '../model/vm.ts';
import type { Preview } from './client-tree.ts';
import { TemplateError, type TemplateProblem } from './template-error.ts';
import type { TemplateValue } from './template-interpreter.ts';
import type { TemplateSet } from './template-set.ts';
import type { TemplateUse } from './template-shelf.ts';

/** The xl.cfg of a VM, with `{file:vmlinuz}` where the host puts the path of what it fetched, and `{server}` where it booted from. */
export type RenderedDomain = { readonly config: string } | { readonly problem: string };

/** Of what the manager sends to an agent. */
const maxConfigBytes = 64 * 1024;

/**
 * Renders the xl.cfg(5) of a VM from its environment's template, by the same rules as menus: what is missing, holds a line
 * break or cannot be quoted is a problem, and never something else than was meant.
 */
export function renderDomain(templates: TemplateSet, vm: Vm, environment: VmEnvironment, host: string): RenderedDomain {
  const fault = storageFault(environment.storage);
  if (fault !== undefined) return { problem: `environment ${environment.name}: ${fault}` };
  try {
    const config = templates.render(environment.template, domainContext(vm, environment, host));
    if (Buffer.byteLength(config) <= maxConfigBytes) return { config };
    return { problem: `the xl.cfg of ${vm.name} has more than ${maxConfigBytes} bytes` };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return { problem: `${error.message} (VM ${vm.name})` };
  }
}

/** What templates of an xl.cfg can name. */
export function domainContext(vm: Vm, environment: VmEnvironment, host: string): TemplateValue {
  const { parameters, storage } = environment;
  const nfsRoot = storage.find((each) => each.kind === 'nfs');
  return {
    vm: {
      name: vm.name,
      uuid: vm.uuid,
      instances: vm.instances,
      memoryMib: vm.memoryMib,
      vcpus: vm.vcpus,
      ...(vm.image !== undefined && { image: vm.image }),
    },
    environment: { name: environment.name, priority: environment.priority },
    host: { name: host },
    cards: vm.cards.map(({ mac, bridge, address, gateway }) => ({ mac, bridge, address, ...(gateway !== undefined && { gateway }) })),
    disks: storage.flatMap((each) => (each.kind === 'nfs' ? [] : [diskContext(each)])),
    ...(nfsRoot !== undefined && { nfsRoot: nfsRoot.source ?? `{server}:/images/${vm.image ?? environment.image}` }),
    kernelArguments: environment.kernelArguments,
    env: guestVariables(parameters),
    parameters,
  };
}

type Disk = Exclude<VmStorage, { kind: 'nfs' }>;

function diskContext(disk: Disk): TemplateValue {
  const { writable, ...facts } = disk;
  const access = writable ? 'rw' : 'ro';
  if (facts.kind === 'file' || facts.kind === 'block') return { ...facts, access, format: facts.path.endsWith('.qcow2') ? 'qcow2' : 'raw' };
  if (facts.kind !== 'iscsi') return { ...facts, access };
  // The script of Xen takes 3260 by itself, udev's names have it always.
  return { ...facts, access, portal: facts.lun === 0 || facts.portal.includes(':') ? facts.portal : `${facts.portal}:3260` };
}

/** Parameters in capital letters are the guest's: `PING: 10.12.0.1` becomes `virtdom.env.PING=10.12.0.1`. */
function guestVariables(parameters: Parameters): readonly TemplateValue[] {
  return Object.entries(parameters)
    .filter(([name]) => /^[A-Z][A-Z0-9_]*$/.test(name))
    .map(([name, value]) => ({ name: `virtdom.env.${name}`, value: typeof value === 'object' ? value.join(',') : value }));
}

/** xl takes any device name that Linux may have, and two disks of one name fail only at the guest. */
function storageFault(storage: readonly VmStorage[]): string | undefined {
  if (storage.filter(({ kind }) => kind === 'nfs').length > 1) return 'a VM has at most one NFS root';
  const seen = new Set<string>();
  for (const disk of storage) {
    if (disk.kind === 'nfs') continue;
    if (!/^(?:xvd|sd|hd)[a-z]{1,2}\d{0,2}$/.test(disk.device)) return `${JSON.stringify(disk.device)} is no disk of a VM: say xvda`;
    if (seen.has(disk.device)) return `two disks are called ${disk.device}`;
    seen.add(disk.device);
  }
  return undefined;
}

/** A VM as the environment would have it, for previews and checks; it has never run. */
export function sampleVm(environment: VmEnvironment): Vm {
  const { name, instances, memoryMib, vcpus, networks } = environment;
  return {
    name: `${name}-1`,
    environment: name,
    instances,
    uuid: '00000000-0000-4000-8000-000000000001',
    state: 'waiting',
    reason: 'a sample',
    sinceMs: 0,
    claims: [],
    memoryMib,
    vcpus,
    failures: [],
    cards: networks.map(sampleCard),
  };
}

function sampleCard({ bridge, vlan, address, gateway, mac }: VmNetwork, index: number): VmCard {
  const [, first, prefix] = /^([\d.]+)-[\d.]+(\/\d+)$/.exec(address) ?? [];
  return {
    bridge,
    mac: mac === 'derived' ? `52:54:00:00:00:${(index + 1).toString(16).padStart(2, '0')}` : mac,
    address: first === undefined ? address : `${first}${prefix}`,
    ...(vlan !== undefined && { vlan }),
    ...(gateway !== undefined && { gateway }),
  };
}

/** Under this name an environment stands among the machines that use a template: no machine can be called so. */
export function environmentAsUser({ name }: Pick<VmEnvironment, 'name'>): string {
  return `environment:${name}`;
}

/** Which templates environments are made from, beside the menus of machines. */
export function domainTemplateUses(environments: readonly VmEnvironment[]): readonly TemplateUse[] {
  return environments.map((environment) => {
    const user = environmentAsUser(environment);
    return { profile: user, templates: [environment.template], machines: [user] };
  });
}

/**
 * Renders a sample VM of each environment only to see what fails.
 * @param wanted the templates that are rendered; all without it
 */
export function checkDomains(
  templates: TemplateSet,
  environments: readonly VmEnvironment[],
  wanted?: ReadonlySet<string>,
): readonly TemplateProblem[] {
  return environments.flatMap((environment) => {
    if (wanted?.has(environment.template) === false) return [];
    const machine = environmentAsUser(environment);
    try {
      templates.render(environment.template, domainContext(sampleVm(environment), environment, 'dom0'));
      return [];
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return [{ ...error.place, machine, message: error.detail }];
    }
  });
}

/**
 * The xl.cfg of a sample VM, in the form in which menus are previewed.
 * @param user what `environmentAsUser` says; `undefined` where it is none of these environments
 */
export function previewDomain(
  templates: TemplateSet,
  environments: readonly VmEnvironment[],
  user: string,
  wanted?: string,
): Preview | undefined {
  const environment = environments.find((each) => environmentAsUser(each) === user);
  if (environment === undefined) return undefined;
  if (wanted !== undefined && wanted !== environment.template)
    return { kind: 'failed', reason: `environment ${environment.name} is made from ${environment.template}, not from ${wanted}` };
  const vm = sampleVm(environment);
  const rendered = renderDomain(templates, vm, environment, 'dom0');
  if ('problem' in rendered) return { kind: 'failed', reason: rendered.problem };
  return {
    kind: 'files',
    files: [{ path: `${vm.name}.cfg`, template: environment.template, bytes: Buffer.from(rendered.config) }],
  };
}
