import type { Clock } from '../clock.ts';
import type { BootClient, BootDecision } from '../model/boot-decision.ts';
import type { Subnet } from '../model/subnet.ts';
import { afterWaiting } from './after-waiting.ts';
import type { Attempt } from './attempt.ts';
import type { AttemptBook } from './attempt-book.ts';
import type { AttemptOpener } from './attempt-opener.ts';
import { isSilent } from './attempt-rules.ts';
import type { BootFacts } from './boot-facts.ts';
import type { Decider } from './decider.ts';
import { isIpxeBinary } from './loader-choice.ts';
import { treePathOfBootFile } from './tree-path.ts';

export interface WaitingRoomDependencies {
  readonly facts: BootFacts;
  readonly decider: Decider;
  readonly book: AttemptBook;
  readonly opener: AttemptOpener;
  readonly clock: Clock;
}

/**
 * Machines that wait for an assignment. iPXE asks DHCP again and takes any answer. GRUB asks for its menu again: it is
 * answered with the menu of its assignment where it can go on to it, else with one that reboots.
 */
export class WaitingRoom {
  readonly #deps: WaitingRoomDependencies;

  constructor(deps: WaitingRoomDependencies) {
    this.#deps = deps;
  }

  /** Whether this packet of DHCP only asks whether there is an assignment by now. */
  isPoll(client: BootClient, attempt: Attempt): boolean {
    return attempt.state === 'waiting' && client.face === 'ipxe' && !isSilent(attempt, this.#deps.clock.now());
  }

  poll(client: BootClient, subnet: Subnet, attempt: Attempt): BootDecision {
    const { decider, book, opener, clock } = this.#deps;
    const fresh = decider.decide(client, subnet);
    const next = afterWaiting(fresh, decider.isAssigned(client.mac, subnet));
    book.touch(attempt, 'DHCP DISCOVER received', clock.now());
    switch (next.kind) {
      case 'go':
        opener.open(next.decision, client, subnet, { before: attempt, reason: assignedReason(fresh) });
        return fresh;
      case 'leave':
        book.end(attempt, 'handed-over', next.reason);
        return fresh;
      case 'wait':
      case 'reboot':
        book.tellWaiting(attempt, next.reason);
        return decider.decide(client, subnet, attempt);
    }
  }

  /** Objects have changed. Reading a file has no side effect, so who will ask for its menu is assigned before it asks. */
  assignAll(): void {
    const nowMs = this.#deps.clock.now();
    const present = [...this.#deps.book.index.newest()].filter((attempt) => attempt.goesOn && !isSilent(attempt, nowMs));
    for (const attempt of present) {
      if (attempt.state === 'waiting') this.assign(attempt);
      else if (attempt.isUnread) this.#assignAnew(attempt);
    }
  }

  /** For those that wait by GRUB, and are heard of just now. */
  assign(attempt: Attempt): void {
    const { decider, book } = this.#deps;
    const { client, pollPath } = attempt;
    if (client === undefined || pollPath === undefined) return;
    const subnet = this.#subnetOf(attempt);
    const pinned = decider.decide(client, subnet, attempt);
    if (pinned.kind !== 'boot' || asksDhcpAgain(pinned)) return;
    const fresh = decider.decide(client, subnet);
    const next = afterWaiting(fresh, decider.isAssigned(client.mac, subnet), pinned);
    attempt.sentOff = next.kind === 'reboot' ? next.reason : undefined;
    switch (next.kind) {
      case 'go':
        return this.#goOn(next.decision, attempt, client, pollPath);
      case 'leave':
        return book.end(attempt, 'handed-over', next.reason);
      case 'wait':
      case 'reboot':
        return book.tellWaiting(attempt, next.reason);
    }
  }

  /** It was assigned a moment ago and has not read that menu: somebody thought better of it. */
  #assignAnew(attempt: Attempt): void {
    const { client, polledAt, pins } = attempt;
    if (client === undefined || polledAt === undefined) return;
    const fresh = this.#deps.decider.decide(client, this.#subnetOf(attempt));
    if (fresh.kind !== 'boot' || (fresh.profile.name === pins.profile.name && fresh.machine.name === pins.machine.name)) return;
    const pinned = this.#deps.decider.decide(client, pins.subnet, attempt);
    if (fresh.waiting === true || afterWaiting(fresh, true, pinned).kind === 'go') this.#goOn(fresh, attempt, client, polledAt);
  }

  #goOn(decision: Parameters<AttemptOpener['open']>[0], attempt: Attempt, client: BootClient, polledAt: string): void {
    // What it is past: its loader is there, its menu is another one now.
    const stages = attempt.stages.filter(({ stage }) => stage !== 'menu');
    const reason = decision.kind === 'boot' && decision.waiting === true ? decision.reason : assignedReason(decision);
    const how = { before: attempt, reason, stages, addresses: attempt.addresses, polledAt };
    this.#deps.opener.open(decision, client, this.#subnetOf(attempt), how);
  }

  /** As it is today. */
  #subnetOf({ pins }: Attempt): Subnet {
    return this.#deps.facts.objects.subnets.find(({ name }) => name === pins.subnet.name) ?? pins.subnet;
  }
}

function assignedReason({ reason }: BootDecision): string {
  return `assigned while it waited: ${reason}`;
}

/** Whether the loader that waits is iPXE: as it was sent, or by the script that it was sent. */
function asksDhcpAgain({ bootFile = '', profile }: Extract<BootDecision, { kind: 'boot' }>): boolean {
  const scripts = profile.menus.filter(({ template }) => template.endsWith('.ipxe')).map(({ path }) => path);
  return isIpxeBinary(bootFile) || scripts.some((path) => treePathOfBootFile(bootFile) === path);
}
