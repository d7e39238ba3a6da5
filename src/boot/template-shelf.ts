import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Mac } from '../model/mac.ts';
import type { UnknownPolicy } from '../model/subnet.ts';
import { type BootFacts, renderSubject } from './boot-facts.ts';
import { checkMenus } from './menu-rendering.ts';
import type { RenderSubject } from './template-context.ts';
import type { TemplateProblem } from './template-error.ts';
import type { TemplateSet } from './template-set.ts';
import { madeUpMachine } from './waiting.ts';

/** Gives DHCP its turn after this many renderings of a check. */
const renderingsPerTurn = 4;
/** One mistake shows in every machine: nobody reads more than this. */
const maxProblems = 1_000;
/** Stands for all clients that are no machines of ours. */
const strangerMac: Mac = '02:00:00:00:00:00';

export interface TemplateCheck {
  /** How many machines have menus to render, one for all unknown clients of a subnet included. */
  readonly machines: number;
  /** Of how many of them all is well. */
  readonly rendered: number;
  /** By template, line, variable and machine; the first thousand. */
  readonly problems: readonly TemplateProblem[];
}

/** The templates that new attempts are made from: always a whole set. */
export class TemplateShelf {
  readonly #facts: BootFacts;
  current: TemplateSet;

  constructor(facts: BootFacts, current: TemplateSet) {
    this.#facts = facts;
    this.current = current;
  }

  /**
   * Renders the menus of every machine, for each of its NICs and for what it boots once. An image that is not published yet
   * is no problem of templates.
   */
  async check(templates: TemplateSet = this.current): Promise<TemplateCheck> {
    const facts = this.#facts.frozen();
    // Two NICs of one machine fail alike.
    const problems = new Map<string, TemplateProblem>();
    const failing = new Set<string>();
    const all = new Set<string>();
    let renderings = 0;
    for (const { name, subject } of subjectsOf(facts)) {
      if (++renderings % renderingsPerTurn === 0) await nextTurn();
      all.add(name);
      const found =
        typeof subject === 'string' ? [{ template: '', line: 0, machine: name, message: subject }] : checkMenus(templates, subject);
      if (found.length > 0) failing.add(name);
      if (problems.size < maxProblems)
        for (const problem of found) problems.set(JSON.stringify([name, problem]), { ...problem, machine: name });
    }
    return { machines: all.size, rendered: all.size - failing.size, problems: [...problems.values()] };
  }
}

/** All that may be booted now, or why it cannot: by every NIC of every machine, and by a stranger on every subnet that boots strangers. */
function* subjectsOf(facts: BootFacts): Generator<{ readonly name: string; readonly subject: RenderSubject | string }> {
  const { machines, subnets, oneShots } = facts.objects;
  for (const machine of machines) {
    if (machine.ignored === true) continue;
    const { name } = machine;
    const once = oneShots.get(name)?.profile;
    for (const { mac } of machine.nics) {
      const policy = facts.homeSubnet(machine, mac)?.unknown;
      if (machine.profile !== undefined || bootsStrangers(policy)) yield { name, subject: renderSubject(facts, machine, mac, checking) };
      if (once !== undefined) yield { name, subject: renderSubject(facts, { ...machine, profile: once }, mac, checking) };
    }
  }
  for (const subnet of subnets) {
    if (!bootsStrangers(subnet.unknown)) continue;
    const subject = renderSubject(facts, madeUpMachine(strangerMac), strangerMac, { ...checking, subnet });
    yield { name: `an unknown client on ${subnet.name}`, subject };
  }
}

const checking = { standIn: true } as const;

function bootsStrangers(policy: UnknownPolicy | undefined): boolean {
  return policy?.kind === 'pending' || policy?.kind === 'profile';
}
