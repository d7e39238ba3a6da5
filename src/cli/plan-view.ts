import type { PlanResource } from '../api/schemas/plan.ts';
import type { ReasonResource } from '../api/schemas/vm.ts';
import { printItem, printItems } from './output.ts';
import type { OutputForm, View } from './output.ts';
import { printable } from './printable.ts';
import { formatTable } from './table.ts';
import type { Tone } from './table.ts';
import type { Terminal } from './terminal.ts';

type Step = PlanResource['steps'][number];

const tones: Readonly<Partial<Record<Step['action'], Tone>>> = { wait: 'warning', error: 'bad', keep: 'quiet' };
const heads = ['ACTION', 'VM', 'ENVIRONMENT', 'FROM', 'TO', 'REASON'].map((head) => ({ head }));
const stepView: View<Step> = { columns: [], name: ({ vm }) => vm };
const planView: View<PlanResource> = { columns: [], name: ({ steps }) => steps.map(({ vm }) => vm).join(',') };

/** Shows a plan; with `why`, or as `wide`, also host by host why. */
export function printPlan(terminal: Terminal, form: OutputForm, { steps, notes }: PlanResource, why: boolean): void {
  if (form === 'json' || form === 'yaml') return printItem(terminal, form, planView, { steps, notes });
  if (form === 'name' || form === 'jsonl') return printItems(terminal, form, stepView, steps);
  if (steps.length === 0) terminal.error('nothing is to be done\n');
  const rows = steps.map((step) =>
    [step.action, step.vm, step.environment, step.from ?? '', step.host ?? '', step.reason].map((text, index) => ({
      text,
      tone: index === 0 ? tones[step.action] : undefined,
    })),
  );
  const lines = steps.length === 0 ? [] : formatTable(heads, rows, terminal);
  for (const [index, line] of lines.entries()) {
    terminal.out(`${line}\n`);
    const step = steps[index - 1];
    if (step !== undefined && (why || form === 'wide')) for (const reason of step.reasons) terminal.out(`    ${reasonLine(reason)}\n`);
  }
  for (const note of notes) terminal.out(`${reasonLine(note)}\n`);
}

/** `post02: refused: has 211 MiB free`. */
export function reasonLine({ about, verdict, reason }: ReasonResource): string {
  return printable(`${about}: ${verdict === 'note' ? '' : `${verdict}: `}${reason}`);
}
