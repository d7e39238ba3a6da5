import type { Vm } from '../../../src/model/vm.ts';
import type { DurableRecords } from './durable-records.ts';
import type { Documents } from './documents.ts';
import type { Breach, World } from './world.ts';

/** Compares what really runs with what is durable. Each breach is told once, when it begins. */
export class Invariants {
  readonly breaches: Breach[] = [];
  /** How long an environment may have too many before that is a breach and no transition. */
  settleMs = 180_000;
  readonly #world: World;
  readonly #records: DurableRecords;
  readonly #documents: Documents;
  readonly #open = new Set<string>();
  readonly #since = new Map<string, number>();

  constructor(world: World, records: DurableRecords, documents: Documents) {
    this.#world = world;
    this.#records = records;
    this.#documents = documents;
  }

  vms(): readonly Vm[] {
    return this.#records.area('vm').map(({ document }) => document as unknown as Vm);
  }

  /** Asked by the hypervisor before it does anything. */
  onCreate(host: string, vm: string): void {
    const claims = this.#vm(vm)?.claims ?? [];
    if (!claims.some((claim) => claim.host === host)) this.#begin('a start without a durable claim', `${vm} on ${host}`);
  }

  /** A process found that it is wrong itself. */
  mistake(detail: string): void {
    this.#begin('a mistake in the code', detail);
  }

  check(): void {
    const seen = new Set<string>();
    const breach = (rule: string, detail: string) => {
      seen.add(`${rule}: ${detail}`);
      this.#begin(rule, detail);
    };
    const lasting = (rule: string, detail: string) => {
      const key = `${rule}: ${detail}`;
      seen.add(key);
      const sinceMs = this.#since.get(key) ?? this.#world.elapsedMs;
      this.#since.set(key, sinceMs);
      if (this.#world.elapsedMs - sinceMs >= this.settleMs) this.#begin(rule, detail);
    };
    this.#doubled(breach);
    this.#uncovered(breach);
    this.#claims(breach);
    this.#surplus(lasting);
    for (const key of this.#open) if (!seen.has(key)) this.#open.delete(key);
    for (const key of this.#since.keys()) if (!seen.has(key)) this.#since.delete(key);
  }

  #vm(name: string): Vm | undefined {
    return this.#records.get('vm', name)?.document as unknown as Vm | undefined;
  }

  #begin(rule: string, detail: string): void {
    const key = `${rule}: ${detail}`;
    if (this.#open.has(key)) return;
    this.#open.add(key);
    this.breaches.push({ rule, detail });
    this.#world.say('BREACH', key);
  }

  /** Of an at-most-one VM; and of the others too: each has a name of its own. */
  #doubled(breach: (rule: string, detail: string) => void): void {
    const places = new Map<string, string[]>();
    for (const { host, domain } of this.#world.live()) {
      if (domain.stray) continue;
      const at = places.get(domain.name);
      if (at === undefined) places.set(domain.name, [host.name]);
      else at.push(host.name);
    }
    for (const [name, hosts] of places) if (hosts.length > 1) breach('two domains of one VM', `${name} on ${hosts.join(' and ')}`);
  }

  #uncovered(breach: (rule: string, detail: string) => void): void {
    for (const { host, domain } of this.#world.live()) {
      if (domain.stray || this.#vm(domain.name)?.claims.some((claim) => claim.host === host.name) === true) continue;
      breach('a domain that no claim covers', `${domain.name} on ${host.name}`);
    }
  }

  #claims(breach: (rule: string, detail: string) => void): void {
    for (const vm of this.vms()) {
      const hosts = vm.claims.map(({ host }) => host);
      if (hosts.length > (vm.state === 'migrating' || vm.state === 'lost' ? 2 : 1))
        breach('more claims than a VM may have', `${vm.name} (${vm.state}) on ${hosts.join(' and ')}`);
      const needsClaim = vm.state === 'starting' || vm.state === 'running' || vm.state === 'stopping' || vm.state === 'migrating';
      if (needsClaim && hosts.length === 0) breach('a state without a claim', `${vm.name} is ${vm.state}`);
    }
  }

  /** Copies on hosts that cannot be reached do not count: nobody can stop them. */
  #surplus(lasting: (rule: string, detail: string) => void): void {
    const reachable = new Set(this.#records.area('host').flatMap(({ id, document }) => (document['state'] === 'online' ? [id] : [])));
    for (const environment of this.#documents.current.environments) {
      const mine = new Set(this.vms().flatMap((vm) => (vm.environment === environment.name ? [vm.name] : [])));
      const count = this.#world.live().filter(({ host, domain }) => mine.has(domain.name) && reachable.has(host.name)).length;
      if (!environment.paused && count > environment.count.max)
        lasting('more VMs than the environment may have', `${environment.name}: ${count} of at most ${environment.count.max}`);
    }
  }
}
