import type { Clock, Timer } from '../../clock.ts';
import type { NewEvent } from '../../events/event-store.ts';
import type { Trigger } from '../../model/vm-environment.ts';
import { performTrigger } from '../ask/trigger-commands.ts';
import type { Draft } from '../draft.ts';
import { triggerFacts } from '../explain/trigger-facts.ts';
import { roleRuleEvaluator } from '../expressions/role-rule.ts';
import type { Asked, ManagerControl, PropertyReading, TriggerStatus } from '../manager-control.ts';
import { PropertyBook } from '../properties/property-book.ts';
import type { PropertyMessage } from '../properties/property-book.ts';
import type { AgentMessageOf } from '../protocol.ts';
import type { ManagerState } from '../state.ts';
import { checkTrigger } from '../triggers/check-trigger.ts';
import { RecentEvents } from '../triggers/recent-events.ts';
import { TriggerBook } from '../triggers/trigger-book.ts';
import { dryRun } from '../triggers/trigger-evaluation.ts';
import type { World } from '../world.ts';
import type { RuleSight } from './world-view.ts';

const answerMs = 15_000;
const askAgainMs = 1000;

interface Query {
  readonly host: string;
  readonly left: Set<string>;
  readonly answered: Set<string>;
  readonly timer: Timer;
  end(): void;
}

/** What agents say of their machines, and the triggers that watch it. */
export class Reflexes {
  readonly #clock: Clock;
  readonly #properties = new PropertyBook();
  readonly #triggers = new TriggerBook();
  readonly #askedMs = new Map<string, number>();
  readonly #queries = new Map<string, Query>();
  readonly #events = new RecentEvents();
  #known: readonly Trigger[] | undefined;
  readonly sight: RuleSight;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.sight = { propertiesOf: (machine) => this.#properties.valuesOf(machine), evaluate: roleRuleEvaluator() };
  }

  /** The records are as they are now: after a start, and when another manager has ruled. */
  restore(state: ManagerState): void {
    this.#triggers.restore(state.triggers, this.#now());
  }

  /** @returns events to be told of it, and the properties of which the machine's agent is to be asked what it has extracted already. */
  hear(machine: string, message: PropertyMessage): { readonly events: readonly NewEvent[]; readonly ask: readonly string[] } {
    const now = this.#now();
    const { updated, notices } = this.#properties.hear(machine, message, now.wallMs);
    if (updated.length > 0) this.#triggers.updated(updated, now);
    this.#answer(machine, message);
    const events = notices.map(({ kind, name, reason }) => ({
      atMs: now.wallMs,
      kind: kind === 'flood' ? 'agent.flood' : 'agent.property',
      severity: 'warning' as const,
      machine,
      detail: { problem: kind, reason, ...(name === undefined ? {} : { property: name }) },
    }));
    return { events, ask: message.kind === 'PROPLIST' ? this.#askAfter(machine, message) : [] };
  }

  /** It says what it extracts when it agrees to a session; who says it all the time is not asked all the time. */
  #askAfter(machine: string, { properties }: AgentMessageOf<'PROPLIST'>): readonly string[] {
    const nowMs = this.#clock.monotonic();
    if (properties.length === 0 || nowMs - (this.#askedMs.get(machine) ?? Number.NEGATIVE_INFINITY) < askAgainMs) return [];
    this.#askedMs.set(machine, nowMs);
    return properties.slice(0, 256).map(({ name }) => name);
  }

  remember(event: NewEvent): void {
    this.#events.add(event, this.#clock.now());
  }

  /** Whether a trigger is to be looked at now; takes over the triggers that there are. */
  isDue(triggers: readonly Trigger[]): boolean {
    if (triggers !== this.#known) {
      this.#known = triggers;
      this.#triggers.setTriggers(triggers, this.#now());
    }
    const nextMs = this.#triggers.nextMs();
    return nextMs !== undefined && nextMs <= this.#clock.monotonic();
  }

  /** Evaluates what is due and does what it says, all of it in one turn. */
  run(draft: Draft): void {
    const { fired, records, evaluations } = this.#triggers.due(this.#now(), triggerFacts(draft, this.#properties, this.#events.all));
    for (const { id, document } of records) draft.keepTrigger(id, document);
    for (const { trigger, evaluation } of evaluations) {
      if (evaluation.result !== 'error') continue;
      draft.tellOnce(`trigger ${trigger}`, 600_000, 'trigger.failed', 'warning', { trigger, reason: evaluation.reason });
    }
    for (const each of fired) {
      draft.guarded(`trigger ${each.trigger}`, () => {
        const kept = this.#triggers.performed(each.trigger, performTrigger(draft, each));
        if (kept !== undefined) draft.keepTrigger(kept.id, kept.document);
      });
    }
  }

  readings(machine?: string): readonly PropertyReading[] {
    return this.#properties.readings(machine);
  }

  statuses(): readonly TriggerStatus[] {
    return this.#triggers.statuses(this.#now());
  }

  check(trigger: Trigger, draft: Draft): ReturnType<ManagerControl['checkTrigger']> {
    const { environments, roles, machines } = draft.world.objects;
    const names = { environments: new Set(environments.keys()), roles: new Set(roles.keys()), machines: new Set(machines.keys()) };
    const checked = checkTrigger(trigger, names);
    if (checked.kind === 'refused') return { problems: checked.problems };
    const facts = triggerFacts(draft, this.#properties, this.#events.all);
    return { problems: [], evaluation: dryRun(trigger, checked.expression, facts, this.#clock.now()) };
  }

  /** Hears the answers to one FETCHPROP, for as long as an agent may take. */
  awaitAnswers(id: string, host: string, names: readonly string[]): Promise<Asked<readonly PropertyReading[]>> {
    const { promise, resolve } = Promise.withResolvers<Asked<readonly PropertyReading[]>>();
    const end = (): void => {
      const query = this.#queries.get(id);
      this.#queries.delete(id);
      query?.timer.cancel();
      const result = names.flatMap((name) => this.#properties.reading(host, name) ?? []);
      const silent = query === undefined || query.answered.size === 0;
      resolve(
        silent ? { kind: 'refused', reason: `${host} did not answer within ${answerMs / 1000} s: ask again` } : { kind: 'done', result },
      );
    };
    this.#queries.set(id, { host, left: new Set(names), answered: new Set(), timer: this.#clock.after(answerMs, end), end });
    return promise;
  }

  /** What it said is of a boot that is over. */
  forget(machine: string): void {
    this.#properties.forget(machine);
    this.#askedMs.delete(machine);
  }

  forgetAllBut(world: World): void {
    this.#properties.keepOnly(new Set(world.objects.machines.keys()));
    for (const machine of this.#askedMs.keys()) if (!world.objects.machines.has(machine)) this.#askedMs.delete(machine);
  }

  close(): void {
    for (const query of this.#queries.values()) query.end();
  }

  #answer(machine: string, message: PropertyMessage): void {
    const query = message.reply === undefined ? undefined : this.#queries.get(message.reply);
    if (query === undefined || query.host !== machine || message.kind === 'PROPLIST') return;
    const names =
      message.kind === 'PROPVAL' ? message.values.map(({ name }) => name) : message.name === undefined ? [...query.left] : [message.name];
    for (const name of names) {
      query.left.delete(name);
      query.answered.add(name);
    }
    if (query.left.size === 0) query.end();
  }

  #now(): { wallMs: number; monoMs: number } {
    return { wallMs: this.#clock.now(), monoMs: this.#clock.monotonic() };
  }
}
