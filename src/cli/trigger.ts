import type { Command } from 'commander';
import type { TriggerCheck, TriggerResource } from '../api/schemas/trigger.ts';
import type { ApiClient } from './api-client.ts';
import { CliError, DocumentError } from './cli-error.ts';
import { blame, blamingLines } from './document-problems.ts';
import { readText, readWrittenObjects } from './document-source.ts';
import { formatAge, formatTime } from './duration.ts';
import { formatFields } from './field-lines.ts';
import { addObjectCommands, changedColumns } from './object.ts';
import { changeDocument, exported, oneOfKind } from './object-documents.ts';
import { outputOption, printItem, writeText, yamlText } from './output.ts';
import type { OutputOptions, View } from './output.ts';
import { printable } from './printable.ts';
import { asking, serviceCommand } from './service-command.ts';
import type { Tone } from './table.ts';
import type { Terminal } from './terminal.ts';

type Evaluation = NonNullable<TriggerResource['lastEvaluation']>;

const tones: Readonly<Partial<Record<Evaluation['result'], Tone>>> = { true: 'good', error: 'bad' };

function triggerView(nowMs: number): View<TriggerResource> {
  return {
    columns: [
      { head: 'NAME', cell: ({ name }) => name },
      { head: 'COMMAND', cell: ({ cmd }) => cmd.command },
      { head: 'RESULT', cell: resultText, tone: ({ lastEvaluation }) => lastEvaluation && tones[lastEvaluation.result] },
      { head: 'EVALUATED', cell: ({ lastEvaluation }) => agoText(lastEvaluation?.at, nowMs), align: 'right' },
      { head: 'FIRED', cell: ({ lastFired }) => agoText(lastFired?.at, nowMs), align: 'right' },
      { head: 'NEXT', cell: ({ nextAt }) => formatTime(nextAt), wide: true },
      { head: 'EXPR', cell: ({ expr }) => expr, wide: true },
      ...changedColumns,
      { head: 'REASON', cell: ({ lastEvaluation }) => lastEvaluation?.reason },
    ],
    name: ({ name }) => name,
    empty: 'there is no trigger: virtdom trigger create -f FILE, or virtdom apply -f FILE',
    detail: describeTrigger,
  };
}

function resultText({ paused, lastEvaluation }: TriggerResource): string | undefined {
  return paused === true ? 'paused' : lastEvaluation?.result;
}

function agoText(time: string | undefined, nowMs: number): string | undefined {
  return time === undefined ? undefined : `${formatAge(time, nowMs)} ago`;
}

type Field = readonly [name: string, value: string | undefined];

function describeTrigger({ lastEvaluation, lastFired, nextAt, ...trigger }: TriggerResource): string {
  const { at, agent, outcome } = lastFired ?? {};
  const fired = at === undefined ? 'never' : `${formatTime(at)}${agent === undefined ? '' : ` for ${agent}`}: ${outcome}`;
  const fields = [
    ...evaluationFields('last evaluation', lastEvaluation),
    ['last fired', fired] as const,
    ['next', formatTime(nextAt)] as const,
  ];
  return formatFields(fields) + yamlText(trigger);
}

function evaluationFields(title: string, evaluation: Evaluation | undefined): Field[] {
  if (evaluation === undefined) return [[title, 'never']];
  const { at, result, reason, inputs, agents = [] } = evaluation;
  return [
    [title, `${formatTime(at)}: ${result}: ${reason}`],
    ...Object.entries(inputs).map(([name, value], index) => [index === 0 ? 'it read' : '', `${name} = ${JSON.stringify(value)}`] as const),
    ...agents.map((each, index) => [index === 0 ? 'agents' : '', `${each.agent}: ${each.result}: ${each.reason}`] as const),
  ];
}

const checkView: View<TriggerCheck> = {
  columns: [{ head: 'VALID', cell: ({ valid }) => valid }],
  name: ({ valid }) => String(valid),
  detail: ({ evaluation }) => formatFields(evaluationFields('would say now', evaluation)),
};

/** Adds `virtdom trigger …`. */
export function addTriggerCommands(program: Command, terminal: Terminal): void {
  const nowMs = terminal.now?.() ?? Date.now();
  const description = 'see and change what is done by itself when something becomes true';
  const noun = addObjectCommands(program, terminal, 'Trigger', description, triggerView(nowMs), { sorts: ['firedAt'] });

  serviceCommand(noun, 'check [trigger]', 'say what is wrong with a trigger, and what it would say now; nothing is done')
    .option('-f, --file <file>', 'a trigger that is not saved, as YAML or JSON; - for standard input')
    .addOption(outputOption())
    .action(
      asking(terminal, (api, name: string | undefined, options: OutputOptions & { file?: string }) => check(terminal, api, name, options)),
    );

  for (const [verb, paused, text] of [
    ['pause', true, 'evaluate a trigger no more'],
    ['resume', false, 'evaluate a trigger again'],
  ] as const)
    serviceCommand(noun, `${verb} <trigger>`, text)
      .option('--dry-run', 'let the service check it and change nothing')
      .action(
        asking(terminal, (api, name: string, { dryRun }: { dryRun?: true }) =>
          changeDocument(terminal, api, { kind: 'Trigger', name, dryRun: dryRun === true }, withPaused(paused)),
        ),
      );
}

/** A document says only what is not usual. */
function withPaused(paused: boolean): Parameters<typeof changeDocument>[3] {
  return (document) => {
    const { paused: _, ...rest } = document;
    return paused ? { ...rest, paused } : rest;
  };
}

async function check(
  terminal: Terminal,
  api: ApiClient,
  name: string | undefined,
  { file, output }: OutputOptions & { readonly file?: string },
): Promise<void> {
  if ((name === undefined) === (file === undefined)) throw new CliError('usage', 'say a trigger or -f FILE');
  const [written] =
    file === undefined
      ? []
      : oneOfKind(readWrittenObjects(await readText(terminal, file), file === '-' ? 'standard input' : file), 'Trigger');
  const { kind: _, ...body } = written?.document ?? (await exported(api, 'Trigger', name ?? ''));
  const send = async () => (await api.post<TriggerCheck>('/triggers:check', { body })).body;
  const checked = await (written === undefined ? send() : blamingLines([written], send));
  if (output !== 'table' && output !== 'wide') printItem(terminal, output, checkView, checked);
  else if (checked.valid) writeText(terminal, checked.evaluation === undefined ? 'it is sound\n' : (checkView.detail?.(checked) ?? ''));
  if (checked.valid) return;
  const { problems } = checked;
  if (written !== undefined) throw new DocumentError(problems.map(({ pointer, detail }) => blame(written, pointer, detail)));
  throw new CliError('failed', printable(problems.map(({ pointer, detail }) => `${pointer}: ${detail}`).join('; ')));
}
