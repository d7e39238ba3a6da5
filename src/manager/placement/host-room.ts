import type { PlacedVm, PlacementHost, Refusal } from './placement-request.ts';

/** So many processors of VMs share one of the host before another host is better, where its role says nothing. */
export const defaultVcpusPerCpu = 4;

/**
 * What a domain takes of a host: its memory, and what libxl keeps for it (libxl__get_required_paging_memory: 1 MiB for each vcpu and
 * 8 KiB for each MiB) with 4 MiB of slack.
 */
export function neededMib(memoryMib: number, vcpus: number): number {
  return memoryMib + vcpus + Math.ceil(memoryMib / 128) + 4;
}

/** What is left of a host, while VMs are put on it one after the other. */
export class HostRoom {
  readonly host: PlacementHost;
  /** For VMs in all, and what none of them has yet; below 0 where more was promised than there is. */
  readonly totalMib: number;
  freeMib: number;
  vcpus: number;
  readonly vcpuLimit: number;
  /** VMs of each environment. */
  readonly counts: Map<string, number>;
  constructor(host: PlacementHost) {
    this.host = host;
    const { capacity, role, vms } = host;
    this.totalMib = Math.max(0, (capacity?.memoryMib ?? 0) - (role?.reserveMib ?? 0));
    this.freeMib = roomOf(host, this.totalMib);
    this.vcpuLimit = (capacity?.cpus ?? 0) * (role?.vcpusPerCpu ?? defaultVcpusPerCpu);
    this.vcpus = vms.reduce((sum, vm) => sum + vm.vcpus, 0);
    this.counts = new Map();
    for (const { environment } of vms) this.counts.set(environment, (this.counts.get(environment) ?? 0) + 1);
  }

  #refused: { readonly needed: number; readonly free: number; readonly refusal: Refusal } | undefined;

  /** For a trial that changes nothing of this one. */
  copy(): HostRoom {
    const copy = new HostRoom({ ...this.host, vms: [] });
    copy.freeMib = this.freeMib;
    copy.vcpus = this.vcpus;
    for (const [environment, count] of this.counts) copy.counts.set(environment, count);
    return copy;
  }

  /** What was said last, where nothing has changed: there are as many refusals as VMs and hosts. */
  refusedFor(needed: number): Refusal | undefined {
    return this.#refused?.needed === needed && this.#refused.free === this.freeMib ? this.#refused.refusal : undefined;
  }

  refuseFor(needed: number, refusal: Refusal): Refusal {
    this.#refused = { needed, free: this.freeMib, refusal };
    return refusal;
  }

  count(environment: string): number {
    return this.counts.get(environment) ?? 0;
  }

  put(environment: string, memoryMib: number, vcpus: number): void {
    this.freeMib -= neededMib(memoryMib, vcpus);
    this.vcpus += vcpus;
    this.counts.set(environment, this.count(environment) + 1);
  }
}

/** The less of what the VMs that we know of leave, and of what the hypervisor has free: there may be domains that we do not know. */
function roomOf({ capacity, role, vms }: PlacementHost, totalMib: number): number {
  if (capacity === undefined) return 0;
  const promised = neededByAll(vms);
  const notYetTaken = neededByAll(vms.filter(({ counted }) => !counted));
  return Math.min(totalMib - promised, capacity.freeMib - (role?.reserveMib ?? 0) - notYetTaken);
}

function neededByAll(vms: readonly PlacedVm[]): number {
  return vms.reduce((sum, { memoryMib, vcpus }) => sum + neededMib(memoryMib, vcpus), 0);
}
