import type { PlacementHost, PlacedVm, WaitingVm } from '../../../src/manager/placement/placement.ts';
import type { PlacementConstraints, Role, VmEnvironment } from '../../../src/model/vm-environment.ts';

/** Rows of a cluster as short as can be read at a glance. */
export function environment(
  name: string,
  { constraints, ...more }: Omit<Partial<VmEnvironment>, 'constraints'> & { readonly constraints?: Partial<PlacementConstraints> } = {},
): VmEnvironment {
  return {
    name,
    instances: 'at-least-one',
    image: 'worker',
    template: 'domu.xl',
    kernelArguments: [],
    memoryMib: 512,
    vcpus: 1,
    networks: [],
    storage: [],
    count: { min: 1, max: 10 },
    constraints: { labels: {}, spread: false, apartFrom: [], excludes: [], ...constraints },
    priority: 0,
    readySeconds: 120,
    paused: false,
    parameters: {},
    ...more,
  };
}

export function role(name: string, environments: readonly string[], more: Partial<Role> = {}): Role {
  return { name, environments, networks: [], labels: {}, properties: [], reserveMib: 0, priority: 0, ...more };
}

/** What two VMs of 512 MiB and Xen's part take, and a little. */
export function host(name: string, of: Role | undefined, more: Partial<PlacementHost> = {}): PlacementHost {
  return {
    name,
    state: 'online',
    reason: '',
    duty: 'active',
    capacity: { memoryMib: 1100, freeMib: 1100, cpus: 4 },
    bridges: [],
    role: of,
    labels: {},
    vms: [],
    ...more,
  };
}

export function placed(name: string, more: Partial<PlacedVm> = {}): PlacedVm {
  return { name, environment: name.replace(/-\d+$/, ''), memoryMib: 512, vcpus: 1, counted: false, ...more };
}

export function waiting(name: string, more: Partial<WaitingVm> = {}): WaitingVm {
  return { name, environment: name.replace(/-\d+$/, ''), ...more };
}
