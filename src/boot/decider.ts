import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import { parseImageName } from '../model/image-manifest.ts';
import type { Mac } from '../model/mac.ts';
import type { OneShot } from '../model/one-shot.ts';
import type { Subnet } from '../model/subnet.ts';
import type { Attempt } from './attempt.ts';
import type { BootFacts } from './boot-facts.ts';
import { decideBoot, type Pinned } from './decide.ts';

/** Brings the facts of this moment to {@link decideBoot}. */
export class Decider {
  readonly #facts: BootFacts;
  readonly #guestOf: (mac: Mac) => string | undefined;
  /** In this process, until the objects say so too: a one-shot boot is never decided again after it was used up. */
  readonly #used = new Set<string>();

  /** @param guestOf the VM that has this MAC, in words */
  constructor(facts: BootFacts, guestOf: (mac: Mac) => string | undefined = () => undefined) {
    this.#facts = facts;
    this.#guestOf = guestOf;
  }

  /** What this client gets now; with an attempt, what that one has it get. */
  decide(client: BootClient, subnet: Subnet, attempt?: Attempt): BootDecision {
    const machine = this.#facts.machineByMac(client.mac);
    const oneShot = machine === undefined ? undefined : this.oneShotOf(machine.name);
    const guest = machine === undefined ? this.#guestOf(client.mac) : undefined;
    return decideBoot(client, {
      subnet,
      httpUrl: this.#facts.httpUrl(subnet),
      waitingProfile: this.#facts.waitingProfile,
      profile: (name) => this.#facts.profile(name),
      resolveImage: (name) => this.#facts.resolveImage(name),
      ...(machine !== undefined && { machine }),
      ...(oneShot !== undefined && { oneShot }),
      ...(guest !== undefined && { guest }),
      ...(attempt !== undefined && { pinned: pinsOf(attempt) }),
    });
  }

  /** What the machine is to boot once. */
  oneShotOf(machine: string): OneShot | undefined {
    const oneShot = this.#facts.objects.oneShots.get(machine);
    return oneShot === undefined || this.#used.has(oneShot.id) ? undefined : oneShot;
  }

  /** Whether somebody said what a NIC boots, be it that it is not to be had just now. */
  isAssigned(mac: Mac, subnet: Subnet): boolean {
    const machine = this.#facts.machineByMac(mac);
    if (machine?.ignored === true) return false;
    const isOnce = machine !== undefined && this.oneShotOf(machine.name) !== undefined;
    return isOnce || machine?.profile !== undefined || subnet.unknown.kind === 'profile';
  }

  oneShotUsed(id: string): void {
    this.#used.add(id);
  }

  /** The objects are other ones: of what was used up, only what they still have is kept in mind. */
  objectsChanged(): void {
    if (this.#used.size === 0) return;
    const there = new Set([...this.#facts.objects.oneShots.values()].map(({ id }) => id));
    for (const id of this.#used) if (!there.has(id)) this.#used.delete(id);
  }
}

function pinsOf({ pins, state }: Attempt): Pinned {
  const { machine, mac, profile } = pins;
  const { image, version } = parseImageName(pins.image ?? '') ?? {};
  return {
    machine,
    mac,
    profile,
    ...(image !== undefined && version !== undefined && { image: { image, version } }),
    ...(state === 'waiting' && { waiting: true }),
  };
}
