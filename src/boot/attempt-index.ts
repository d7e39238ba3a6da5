import type { Ipv4 } from '../model/ipv4.ts';
import type { Mac } from '../model/mac.ts';
import type { Attempt } from './attempt.ts';
import { bootToken, tokenKey } from './boot-token.ts';

const attemptsPerMachine = 10;
/** Machines with attempts: clients with made-up MACs must not fill the memory. */
const maxMachines = 20_000;

/** The attempts in memory, found by machine, MAC, address and token. Ten of a machine are kept. */
export class AttemptIndex {
  readonly #secret: Uint8Array;
  /** By machine name; the one that began last, or said hello last, at the end. */
  readonly #byMachine = new Map<string, Attempt[]>();
  readonly #byMac = new Map<Mac, Attempt>();
  readonly #byAddress = new Map<Ipv4, Attempt>();
  /** By the hash of the token: how long a look-up takes says nothing of the token itself. */
  readonly #byToken = new Map<string, Attempt>();
  readonly #byId = new Map<string, Attempt>();
  #turns = 0;

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

  /** The newest at the end. */
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
    const { machine } = attempt.pins;
    const history = this.#byMachine.get(machine.name) ?? [];
    // Put last, so that the first machine of the map is the one that was silent longest.
    this.#byMachine.delete(machine.name);
    this.#byMachine.set(machine.name, history);
    this.#byId.set(attempt.id, attempt);
    this.#byToken.set(tokenKey(this.tokenOf(attempt)), attempt);
    this.#putLast(attempt, history);
    while (history.length > attemptsPerMachine) this.#forget(history.splice(leastMissed(history), 1)[0]);
    if (this.#byMachine.size <= maxMachines) return;
    const [oldest = ''] = this.#byMachine.keys();
    for (const forgotten of this.#byMachine.get(oldest) ?? []) this.#forget(forgotten);
    this.#byMachine.delete(oldest);
  }

  /** It goes on although others have begun since: from now on it is the newest of its machine and of its NICs. */
  bringForward(attempt: Attempt): void {
    const history = this.#byMachine.get(attempt.pins.machine.name);
    const place = history?.indexOf(attempt) ?? -1;
    if (history === undefined || place < 0) return;
    history.splice(place, 1);
    this.#putLast(attempt, history);
  }

  /** Those that began, or said hello, after this one did; the machines that it is asked for are few. */
  after({ turn }: Attempt, isOfMachine: (other: Attempt) => boolean): readonly Attempt[] {
    return [...this.#byId.values()].filter((other) => other.turn > turn && isOfMachine(other));
  }

  #putLast(attempt: Attempt, history: Attempt[]): void {
    const { machine, mac } = attempt.pins;
    attempt.turn = ++this.#turns;
    history.push(attempt);
    for (const nic of machine.nics) this.#byMac.set(nic.mac, attempt);
    this.#byMac.set(mac, attempt);
    for (const address of attempt.addresses) this.#byAddress.set(address, attempt);
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

/**
 * Which one to forget: the oldest, but not one by which the machine may be running. It takes no more than DISCOVERs to open attempts, and
 * they must not push out the one whose hello is to come.
 */
function leastMissed(history: readonly Attempt[]): number {
  const lastHello = history.findLastIndex(({ redeemed }) => redeemed !== undefined);
  const missed = (attempt: Attempt, place: number): boolean =>
    place === history.length - 1 || place === lastHello || (place > lastHello && attempt.has('menu'));
  return Math.max(
    0,
    history.findIndex((attempt, place) => !missed(attempt, place)),
  );
}
