import type { Trigger, TriggerCommand } from '../../model/vm-environment.ts';
import { newBudget, stepsAtOnce, stepsPerEvaluation } from '../expressions/budget.ts';
import type { Budget } from '../expressions/budget.ts';
import type { Context } from '../expressions/evaluate.ts';
import type { Expression } from '../expressions/expression.ts';
import { propertiesRead } from '../expressions/expression-reads.ts';
import type { TriggerEvaluation, TriggerStatus } from '../manager-control.ts';
import { checkTrigger } from './check-trigger.ts';
import { AgentRound } from './agent-round.ts';
import type { Advance } from './agent-round.ts';
import { commandFor, commandText, findingOf } from './evaluate-trigger.ts';
import type { Finding } from './evaluate-trigger.ts';
import { StormLimits } from './storm-limits.ts';
import { evaluationOf } from './trigger-evaluation.ts';
import { contextOf } from './trigger-facts.ts';
import type { AgentFacts, TriggerFacts } from './trigger-facts.ts';
import { inputsOf } from './trigger-inputs.ts';
import { documentOf, recordOf } from './trigger-record.ts';
import type { TriggerDocument, TriggerRecord } from './trigger-record.ts';

/** One moment on both clocks: the wall's for people and records, the one that never goes back for durations. */
export interface TriggerMoment {
  readonly wallMs: number;
  readonly monoMs: number;
}

export interface FiredTrigger {
  readonly trigger: string;
  readonly agent?: string;
  /** Nothing in it is left open. */
  readonly command: TriggerCommand;
  readonly inputs: Readonly<Record<string, unknown>>;
}

export interface DueTriggers {
  readonly evaluations: readonly { readonly trigger: string; readonly evaluation: TriggerEvaluation }[];
  /** In the order in which they are to be done. */
  readonly fired: readonly FiredTrigger[];
  /** To be kept before anything of `fired` is done; without a document: to be deleted. */
  readonly records: readonly { readonly id: string; readonly document?: TriggerDocument }[];
}

/** Updates within so long are looked at together. */
const updateDelayMs = 1000;
/** One that used up its budget waits at least so long, whatever its ticks. */
const costlyPauseMs = 60_000;

interface Entry {
  readonly trigger: Trigger;
  readonly expression?: Expression;
  readonly problem: string;
  /** On the clock that never goes back. */
  dueMs: number;
  notBeforeMs: number;
  /** With `forEach: agent`: the evaluation that more agents have to have their turn in, and what was said so far. */
  round?: { readonly agents: AgentRound; readonly said: Finding[]; inputs?: Readonly<Record<string, unknown>>; updatedMs: number };
  record: TriggerRecord;
  readonly quietUntilMono: Map<string, number>;
}

/** What one evaluation goes by. */
interface Evaluating {
  readonly expression: Expression;
  readonly context: Context;
  /** What all triggers of this moment may still cost. */
  readonly moment: Budget;
  readonly now: TriggerMoment;
  readonly fired: FiredTrigger[];
}

/** Which triggers there are, when each is due, and what became of it. */
export class TriggerBook {
  readonly #entries = new Map<string, Entry>();
  /** As they were restored, and those of triggers that have gone since. */
  #records = new Map<string, TriggerRecord>();
  /** Until it is known which triggers there are, no record is one too many. */
  #isSet = false;
  readonly #storm = new StormLimits();

  /** What was kept, in place of all that this book knows; after a start, and when another manager has ruled. */
  restore(documents: ReadonlyMap<string, TriggerDocument>, now: TriggerMoment): void {
    this.#records = new Map([...documents].map(([name, document]) => [name, recordOf(name, document)]));
    for (const [name, entry] of this.#entries) this.#begin(entry, this.#records.get(name), now);
  }

  /** The triggers that there are from now on. One that is new or changed is due after its ticks; what it did before is still known. */
  setTriggers(triggers: readonly Trigger[], now: TriggerMoment): void {
    const names = new Set(triggers.map(({ name }) => name));
    this.#isSet = true;
    for (const [name, { record }] of this.#entries) {
      if (names.has(name)) continue;
      this.#entries.delete(name);
      this.#records.set(name, record);
    }
    for (const trigger of triggers) {
      const old = this.#entries.get(trigger.name);
      if (old !== undefined && isSame(old.trigger, trigger)) continue;
      this.#entries.set(trigger.name, this.#newEntry(trigger, old?.record ?? this.#records.get(trigger.name), now));
    }
  }

  /** Properties have new values: triggers with `onUpdateCheck` that read one of them are due soon. */
  updated(names: readonly string[], now: TriggerMoment): void {
    for (const entry of this.#entries.values()) {
      if (!entry.trigger.onUpdateCheck || entry.trigger.paused || entry.expression === undefined) continue;
      const read = propertiesRead(entry.expression.reads);
      if (!read.has('*') && !names.some((name) => read.has(name))) continue;
      const soonMs = now.monoMs + updateDelayMs;
      entry.dueMs = Math.min(entry.dueMs, soonMs);
      // It may be of an agent that has had its turn.
      if (entry.round !== undefined) entry.round.updatedMs = Math.min(entry.round.updatedMs, soonMs);
    }
  }

  /** When the next trigger is due, on the clock that never goes back. */
  nextMs(): number | undefined {
    const due = [...this.#entries.values()].map(dueOf).filter(Number.isFinite);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  /**
   * Evaluates what is due, the longest due first, and says what is to be done and kept. It counts all of it as done: where the records
   * cannot be kept nothing of it may be done, and `restore` says what is true.
   */
  due(now: TriggerMoment, facts: TriggerFacts): DueTriggers {
    const evaluations: DueTriggers['evaluations'][number][] = [];
    const fired: FiredTrigger[] = [];
    const records: DueTriggers['records'][number][] = this.#orphans();
    const due = [...this.#entries.values()].filter((entry) => dueOf(entry) <= now.monoMs).sort((a, b) => dueOf(a) - dueOf(b));
    const moment = newBudget(stepsAtOnce);
    for (const entry of due) {
      const { expression } = entry;
      if (expression === undefined || moment.steps < (entry.trigger.forEach === 'once' ? stepsPerEvaluation : 1)) continue;
      const before = entry.record;
      const evaluating = { expression, context: contextOf(facts, expression.reads, now.wallMs), moment, now, fired };
      const evaluation =
        entry.trigger.forEach === 'once' ? this.#evaluateOnce(entry, evaluating) : this.#evaluateAgents(entry, facts.agents, evaluating);
      if (evaluation !== undefined) evaluations.push({ trigger: entry.trigger.name, evaluation });
      if (isWorthKeeping(before, entry.record)) records.push({ id: entry.trigger.name, document: documentOf(entry.record) });
    }
    return { evaluations, fired, records };
  }

  /** What became of a command that it gave out; the document to be kept. */
  performed(trigger: string, outcome: string): { readonly id: string; readonly document: TriggerDocument } | undefined {
    const entry = this.#entries.get(trigger);
    if (entry?.record.lastFired === undefined) return undefined;
    entry.record = { ...entry.record, lastFired: { ...entry.record.lastFired, outcome } };
    return { id: trigger, document: documentOf(entry.record) };
  }

  statuses(now: TriggerMoment): TriggerStatus[] {
    return [...this.#entries.values()].map((entry) => statusOf(entry, now));
  }

  #newEntry(trigger: Trigger, record: TriggerRecord | undefined, now: TriggerMoment): Entry {
    const checked = checkTrigger(trigger);
    const entry: Entry = {
      trigger,
      ...(checked.kind === 'checked' && { expression: checked.expression }),
      problem: checked.kind === 'checked' ? '' : checked.problems.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; '),
      dueMs: 0,
      notBeforeMs: 0,
      record: { name: trigger.name, quietUntilMs: {} },
      quietUntilMono: new Map(),
    };
    this.#begin(entry, record, now);
    return entry;
  }

  /** A wall clock that went back meanwhile makes it quiet for its `quietSeconds` at most. */
  #begin(entry: Entry, record: TriggerRecord | undefined, now: TriggerMoment): void {
    entry.record = record ?? { name: entry.trigger.name, quietUntilMs: {} };
    entry.dueMs = nextTick(entry.trigger, now.monoMs);
    delete entry.round;
    entry.quietUntilMono.clear();
    for (const [agent, untilMs] of Object.entries(entry.record.quietUntilMs)) {
      const leftMs = Math.min(untilMs - now.wallMs, entry.trigger.quietSeconds * 1000);
      if (leftMs > 0) entry.quietUntilMono.set(agent, now.monoMs + leftMs);
    }
  }

  #evaluateOnce(entry: Entry, { expression, context, moment, now, fired }: Evaluating): TriggerEvaluation {
    const budget = newBudget();
    const finding = findingOf(expression, context, budget);
    moment.steps -= stepsPerEvaluation - Math.max(0, budget.steps);
    const inputs = inputsOf(expression.reads, context);
    const said = this.#judge(entry, { findings: [finding], inputs }, now, fired);
    return this.#end(entry, said, inputs, now, { wasCostly: budget.steps < 0 });
  }

  /** @returns nothing while there are agents that have not had their turn */
  #evaluateAgents(
    entry: Entry,
    agents: readonly AgentFacts[],
    { expression, context, moment, now, fired }: Evaluating,
  ): TriggerEvaluation | undefined {
    entry.round ??= { agents: new AgentRound(agents), said: [], updatedMs: Infinity };
    const { round } = entry;
    const advance = round.agents.advance(expression, context, agents, moment);
    round.said.push(...this.#judge(entry, advance, now, fired));
    if (advance.findings.length > 0) round.inputs ??= advance.inputs;
    if (round.agents.left > 0) return undefined;
    delete entry.round;
    return this.#end(entry, round.said, round.inputs ?? advance.inputs, now, {
      wasCostly: round.agents.isCostly,
      updatedMs: round.updatedMs,
    });
  }

  /** What became of each finding: its command is given out, or it is said why not. */
  #judge(entry: Entry, { findings, inputs }: Advance, now: TriggerMoment, fired: FiredTrigger[]): Finding[] {
    for (const [agent, untilMs] of entry.quietUntilMono) if (untilMs <= now.monoMs) entry.quietUntilMono.delete(agent);
    const said = findings.map((finding) => ({ ...finding, reason: this.#fire(entry, finding, inputs, now, fired) }));
    entry.record = { ...entry.record, quietUntilMs: quietRecord(entry.quietUntilMono, now) };
    return said;
  }

  #end(
    entry: Entry,
    said: readonly Finding[],
    inputs: Readonly<Record<string, unknown>>,
    now: TriggerMoment,
    { wasCostly, updatedMs = Infinity }: { readonly wasCostly: boolean; readonly updatedMs?: number },
  ): TriggerEvaluation {
    entry.dueMs = Math.min(nextTick(entry.trigger, now.monoMs), updatedMs);
    entry.notBeforeMs = wasCostly ? now.monoMs + costlyPauseMs : now.monoMs;
    const evaluation = evaluationOf(entry.trigger, said, inputs, now.wallMs);
    entry.record = { ...entry.record, lastEvaluation: evaluation };
    return evaluation;
  }

  /** Gives out the command of one finding, or says why not. */
  #fire(entry: Entry, finding: Finding, inputs: Readonly<Record<string, unknown>>, now: TriggerMoment, fired: FiredTrigger[]): string {
    if (finding.result !== 'true') return finding.reason;
    const { trigger } = entry;
    const quietUntil = entry.quietUntilMono.get(finding.agent ?? '');
    if (quietUntil !== undefined) return `it has fired already: quiet for another ${Math.ceil((quietUntil - now.monoMs) / 1000)} s`;
    const held = this.#storm.refusal(trigger.name, trigger.cmd.command, now.monoMs);
    if (held !== undefined) return held;
    this.#storm.add(trigger.name, now.monoMs);
    if (trigger.quietSeconds > 0) entry.quietUntilMono.set(finding.agent ?? '', now.monoMs + trigger.quietSeconds * 1000);
    const command = commandFor(trigger.cmd, finding.agent);
    const agent = finding.agent !== undefined && { agent: finding.agent };
    fired.push({ trigger: trigger.name, ...agent, command, inputs });
    entry.record = { ...entry.record, lastFired: { atMs: now.wallMs, ...agent, outcome: 'asked for' } };
    return `fired: ${commandText(command)}`;
  }

  /** Records of triggers that are no more. */
  #orphans(): { id: string }[] {
    const gone = this.#isSet ? [...this.#records.keys()].filter((name) => !this.#entries.has(name)) : [];
    for (const name of gone) this.#records.delete(name);
    return gone.map((id) => ({ id }));
  }
}

function statusOf(entry: Entry, now: TriggerMoment): TriggerStatus {
  const { trigger, record, problem } = entry;
  const nextMs = dueOf(entry);
  const lastEvaluation = problem === '' ? record.lastEvaluation : brokenEvaluation(problem, now);
  return {
    trigger,
    ...(lastEvaluation !== undefined && { lastEvaluation }),
    ...(record.lastFired !== undefined && { lastFired: record.lastFired }),
    ...(Number.isFinite(nextMs) && { nextMs: now.wallMs + Math.max(0, nextMs - now.monoMs) }),
  };
}

function brokenEvaluation(problem: string, now: TriggerMoment): TriggerEvaluation {
  return { atMs: now.wallMs, result: 'error', reason: `it cannot be evaluated: ${problem}`, inputs: {} };
}

function dueOf({ trigger, expression, dueMs, notBeforeMs }: Entry): number {
  return trigger.paused || expression === undefined ? Infinity : Math.max(dueMs, notBeforeMs);
}

function nextTick({ ticks }: Trigger, monoMs: number): number {
  return ticks === 0 ? Infinity : monoMs + ticks * 1000;
}

function quietRecord(quiet: ReadonlyMap<string, number>, now: TriggerMoment): Record<string, number> {
  return Object.fromEntries([...quiet].map(([agent, untilMs]) => [agent, now.wallMs + untilMs - now.monoMs]));
}

/** Each evaluation is in memory; only what says something else than the one before is written. */
function isWorthKeeping(before: TriggerRecord, after: TriggerRecord): boolean {
  if (before.lastFired !== after.lastFired) return true;
  return before.lastEvaluation?.result !== after.lastEvaluation?.result;
}

function isSame(a: Trigger, b: Trigger): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}
