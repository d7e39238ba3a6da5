import { setImmediate as nextTurn } from 'node:timers/promises';
import type { UnknownPolicy } from '../model/subnet.ts';
import { type BootFacts, type BootObjects, renderSubject } from './boot-facts.ts';
import { checkMenus } from './menu-rendering.ts';
import type { RenderSubject } from './template-context.ts';
import type { TemplateProblem } from './template-error.ts';
import type { TemplateSet } from './template-set.ts';
import { madeUpMachine, strangerOn } from './waiting.ts';

/** Gives DHCP its turn after this many renderings of a check. */
const renderingsPerTurn = 4;
/** One mistake shows in every machine, and who compares two sets of templates needs all of them. */
const maxProblems = 20_000;

export interface TemplateCheck {
  /** How many machines have menus to render, one for all unknown clients of a subnet included. */
  readonly machines: number;
  /** Of how many of them all is well. */
  readonly rendered: number;
  /** By template, line, variable and machine; the first twenty thousand. */
  readonly problems: readonly TemplateProblem[];
}

/** Which templates a profile's menus are made from, and who would boot by it now. */
export interface TemplateUse {
  readonly profile: string;
  readonly templates: readonly string[];
  /** Names, as {@link TemplateCheck} has them. */
  readonly machines: readonly string[];
}

/** The templates that new attempts are made from: always a whole set. */
export class TemplateShelf {
  readonly #facts: BootFacts;
  current: TemplateSet;
  #uses: { readonly of: BootObjects; readonly list: readonly TemplateUse[] } | undefined;

  constructor(facts: BootFacts, current: TemplateSet) {
    this.#facts = facts;
    this.current = current;
  }

  /** Every profile, also one that nobody boots by: machines by what they boot, once or always, and strangers by their subnet. */
  uses(): readonly TemplateUse[] {
    const { objects, waitingProfile } = this.#facts;
    if (this.#uses?.of === objects) return this.#uses.list;
    const byProfile = new Map<string, Set<string>>();
    for (const { name, subject } of subjectsOf(this.#facts)) {
      if (typeof subject === 'string') continue;
      const names = byProfile.get(subject.profile.name) ?? new Set();
      byProfile.set(subject.profile.name, names.add(name));
    }
    const profiles = new Map([waitingProfile, ...objects.profiles].map((profile) => [profile.name, profile]));
    const list = [...profiles.values()].map(({ name, menus }) => ({
      profile: name,
      templates: menus.map(({ template }) => template),
      machines: [...(byProfile.get(name) ?? [])],
    }));
    this.#uses = { of: objects, list };
    return list;
  }

  /**
   * Renders the menus of every machine, for each of its NICs and for what it boots once. An image that is not published yet
   * is no problem of templates.
   * @param wanted the templates of the menus that are rendered; all menus without it
   */
  async check(templates: TemplateSet = this.current, wanted?: ReadonlySet<string>): Promise<TemplateCheck> {
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
        typeof subject === 'string' ? [{ template: '', line: 0, machine: name, message: subject }] : checkMenus(templates, subject, wanted);
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
      if (once !== undefined) yield { name, subject: renderSubject(facts, machine, mac, { ...checking, profile: once }) };
    }
  }
  for (const subnet of subnets) {
    if (!bootsStrangers(subnet.unknown)) continue;
    const { name, mac } = strangerOn(subnet);
    yield { name, subject: renderSubject(facts, madeUpMachine(mac), mac, { ...checking, subnet }) };
  }
}

const checking = { standIn: true } as const;

function bootsStrangers(policy: UnknownPolicy | undefined): boolean {
  return policy?.kind === 'pending' || policy?.kind === 'profile';
}
