import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Attempt } from './attempt.ts';
import { bootToken, tokenKey } from './boot-token.ts';

const attemptsPerMachine = 10;
/** Machines with attempts: clients with made-up MACs must not fill the memory. */
const maxMachines = 20_000;

/** The attempts in memory, found by machine, MAC, address and token. The newest ten of a machine are kept. */
export class AttemptIndex {
  readonly #secret: Uint8Array;
  /** By machine name, oldest first. */
  readonly #byMachine = new Map<string, Attempt[]>();
  readonly #byMac = new Map<Mac, Attempt>();
  readonly #byAddress = new Map<Ipv4, Attempt>();
  /** By the hash of the token: how long a look-up takes says nothing of the token itself. */
  readonly #byToken = new Map<string, Attempt>();
  readonly #byId = new Map<string, Attempt>();

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  newestOf(machine: string): Attempt | undefined {
    return this.#byMachine.get(machine)?.at(-1);
  }

  newestOfMac(mac: Mac): Attempt | undefined {
    return this.#byMac.get(mac);
  }

  /** The attempt that was given this address last. */
  atAddress(address: Ipv4): Attempt | undefined {
    return this.#byAddress.get(address);
  }

  ofToken(token: string): Attempt | undefined {
    return this.#byToken.get(tokenKey(token));
  }

  find(id: string): Attempt | undefined {
    return this.#byId.get(id);
  }

  /** Oldest first. */
  historyOf(machine: string): readonly Attempt[] {
    return this.#byMachine.get(machine) ?? [];
  }

  /** Of each machine. */
  *newest(): Generator<Attempt> {
    for (const history of this.#byMachine.values()) {
      const newest = history.at(-1);
      if (newest !== undefined) yield newest;
    }
  }

  all(): Iterable<Attempt> {
    return this.#byId.values();
  }

  tokenOf(attempt: Attempt): string {
    return bootToken(this.#secret, attempt.id);
  }

  moveTo(attempt: Attempt, address: Ipv4): void {
    this.#byAddress.set(address, attempt);
    if (!attempt.addresses.includes(address)) attempt.addresses.push(address);
  }

  remember(attempt: Attempt): void {
    const { machine, mac } = attempt.pins;
    const history = this.#byMachine.get(machine.name) ?? [];
    // Put last, so that the first machine of the map is the one that was silent longest.
    this.#byMachine.delete(machine.name);
    this.#byMachine.set(machine.name, history);
    history.push(attempt);
    this.#byId.set(attempt.id, attempt);
    for (const nic of machine.nics) this.#byMac.set(nic.mac, attempt);
    this.#byMac.set(mac, attempt);
    for (const address of attempt.addresses) this.#byAddress.set(address, attempt);
    this.#byToken.set(tokenKey(this.tokenOf(attempt)), attempt);
    while (history.length > attemptsPerMachine) this.#forget(history.shift());
    if (this.#byMachine.size <= maxMachines) return;
    const [oldest = ''] = this.#byMachine.keys();
    for (const forgotten of this.#byMachine.get(oldest) ?? []) this.#forget(forgotten);
    this.#byMachine.delete(oldest);
  }

  #forget(attempt: Attempt | undefined): void {
    if (attempt === undefined) return;
    attempt.watch?.cancel();
    this.#byId.delete(attempt.id);
    this.#byToken.delete(tokenKey(this.tokenOf(attempt)));
    for (const [map, keys] of [
      [this.#byMac, [attempt.pins.mac, ...attempt.pins.machine.nics.map((nic) => nic.mac)]],
      [this.#byAddress, attempt.addresses],
    ] as const)
      for (const key of keys) if (map.get(key) === attempt) map.delete(key);
  }
}
