import type { Log } from '../log.ts';
import type { AgentRecord, RecordedVm } from './parts.ts';

/** What is known of the VMs that were started here: whose claim they are, and how to start them again. */
export class VmBook {
  readonly #record: AgentRecord;
  readonly #log: Log;
  readonly #vms = new Map<string, RecordedVm>();

  constructor(record: AgentRecord, log: Log) {
    this.#record = record;
    this.#log = log;
  }

  restore(vms: readonly RecordedVm[]): void {
    for (const vm of vms) this.#vms.set(vm.name, vm);
  }

  find(name: string): RecordedVm | undefined {
    return this.#vms.get(name);
  }

  /** Of a domain: only where it is the very one that was started. */
  of(domain: { readonly name: string; readonly uuid: string }): RecordedVm | undefined {
    const vm = this.#vms.get(domain.name);
    return vm?.uuid === domain.uuid ? vm : undefined;
  }

  /** By sha256: they may be started again from them. */
  get files(): readonly string[] {
    return [...this.#vms.values()].flatMap(({ files }) => files.map(({ sha256 }) => sha256));
  }

  nameOf(uuid: string): string | undefined {
    for (const vm of this.#vms.values()) if (vm.uuid === uuid) return vm.name;
    return undefined;
  }

  async keep(vm: RecordedVm): Promise<void> {
    this.#vms.set(vm.name, vm);
    await this.#record.keepVm(vm);
  }

  /** What the guest said; where it cannot be kept it is found again. */
  async noteReady(name: string, ready: { readonly address?: string }): Promise<void> {
    const vm = this.#vms.get(name);
    if (vm === undefined) return;
    await this.keep({ ...vm, ready }).catch((error: unknown) => this.#log.warn({ err: error, vm: name }, 'the record of a VM is not kept'));
  }

  async forget(name: string): Promise<void> {
    if (!this.#vms.delete(name)) return;
    await this.#record
      .forgetVm(name)
      .catch((error: unknown) => this.#log.warn({ err: error, vm: name }, 'the record of a VM that is gone stays'));
  }
}
