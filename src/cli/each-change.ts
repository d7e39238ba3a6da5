import { ApiProblem } from './api-problem.ts';
import { confirm } from './confirmation.ts';
import { describePreview, failureOf, questionFor, summaryOf, tell } from './each-report.ts';
import type { EachChange, Outcome, Told } from './each-report.ts';
import type { Chosen, EachOptions } from './farm-selection.ts';
import { isManagerOff } from './service-command.ts';
import type { Terminal } from './terminal.ts';

/** As many requests are under way as the connections that a client keeps. */
const atOnce = 4;

export interface EachResult {
  readonly done: readonly string[];
  /** To be thrown when all else is done. */
  readonly failure: unknown;
}

/**
 * Shows what it will touch and asks where that is due, does it, and tells of each what became of it. One that is refused does
 * not keep the others back.
 */
export async function changeEach<Resource extends Told>(
  terminal: Terminal,
  chosen: Chosen,
  { yes, dryRun }: EachOptions,
  change: EachChange<Resource>,
): Promise<EachResult> {
  const several = chosen.names.length > 1;
  const single = chosen.byName && !several;
  const outcomes: Outcome<Resource>[] = [];
  const keep = (outcome: Outcome<Resource>): void => {
    outcomes.push(outcome);
    if (!single || outcome.kind === 'done') tell(terminal, outcome, change, several);
  };
  let { names } = chosen;
  const asks = change.asks === 'always' || (change.asks === 'for-several' && several) || !chosen.byName;
  const held: Outcome<Resource>[] = [];
  if (asks && yes !== true && dryRun !== true) {
    const preview = await allOf(sendAllOf(names, change, true));
    const able = preview.filter(({ kind }) => kind === 'done');
    held.push(...preview.filter(({ kind }) => kind !== 'done'));
    const unknown = held.find((each) => each.kind === 'unknown');
    if (unknown !== undefined) throw unknown.error;
    if (able.length > 0) {
      terminal.error(describePreview(terminal, preview, change));
      await confirm(terminal, questionFor(able, held.length, change), undefined);
    }
    // What was shown is done, and nothing that came up since.
    names = able.map(({ name }) => name);
  }
  for await (const outcome of sendAllOf(names, change, dryRun)) keep(outcome);
  for (const outcome of held) keep(outcome);
  if (several) terminal.error(`${summaryOf(outcomes, change)}\n`);
  const done = outcomes.filter(({ kind }) => kind === 'done').map(({ name }) => name);
  if (dryRun === true && done.length > 0) terminal.error('dry run: nothing was changed\n');
  return { done, failure: failureOf(outcomes, change, single) };
}

async function* sendAllOf<Resource>(
  names: readonly string[],
  change: EachChange<Resource>,
  dryRun: true | undefined,
): AsyncGenerator<Outcome<Resource>, void> {
  const { sendAll } = change;
  if (sendAll === undefined || names.length < 2) yield* sendEach(names, change, dryRun);
  else yield* await sendTogether(names, sendAll, dryRun);
}

/** @throws ApiProblem where none of them was looked at */
async function sendTogether<Resource>(
  names: readonly string[],
  ask: NonNullable<EachChange<Resource>['sendAll']>,
  dryRun: true | undefined,
): Promise<readonly Outcome<Resource>[]> {
  try {
    return await ask(names, dryRun);
  } catch (error) {
    if (error instanceof ApiProblem) throw error;
    return names.map((name) => ({ kind: 'unknown', name, error }));
  }
}

/** Some at a time; the outcomes in the order of the names, each as soon as those before it are known. */
async function* sendEach<Resource>(
  names: readonly string[],
  { send }: EachChange<Resource>,
  dryRun: true | undefined,
): AsyncGenerator<Outcome<Resource>, void> {
  let lost = false;
  const attempt = async (name: string): Promise<Outcome<Resource>> => {
    if (lost) return { kind: 'left', name };
    try {
      return { kind: 'done', name, resource: await send(name, dryRun) };
    } catch (error) {
      if (error instanceof ApiProblem) return { kind: 'refused', name, error };
      lost = true;
      return { kind: 'unknown', name, error };
    }
  };
  const begun: Promise<Outcome<Resource>>[] = [];
  for (let index = 0; index < names.length; index++) {
    begun.push(...names.slice(begun.length, index + atOnce).map(attempt));
    const outcome = await begun[index];
    if (outcome === undefined) return;
    // The manager may be asked elsewhere: nothing was done here.
    if (outcome.kind === 'refused' && isManagerOff(outcome.error)) throw outcome.error;
    yield outcome;
  }
}

async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}
