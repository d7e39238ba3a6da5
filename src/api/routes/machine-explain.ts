import { explainMachine } from '../../machines/explain.ts';
import type { ExplainedValue } from '../../machines/explain.ts';
import type { Api } from '../api.ts';
import type { ControlPlane } from '../control-plane.ts';
import { ProblemError } from '../problems.ts';
import { optional, shape, text } from '../schemas/fields.ts';
import { explanationSchema, machineFilesSchema } from '../schemas/machine.ts';
import type { Explanation, MachineFiles } from '../schemas/machine.ts';
import { answers, base, nameParam } from './describe.ts';
import { machineOf, machineParams } from './machines.ts';
import { notFound } from './outcomes.ts';

type RenderedFile = Extract<ReturnType<ControlPlane['boots']['preview']>, { kind: 'files' }>['files'][number];

const tags = ['machines'];
const access = { role: 'viewer', noun: 'machines' } as const;

/** What a machine would get now. */
export function addMachineExplainRoutes(app: Api, plane: ControlPlane): void {
  app.get(
    `${base}/machines/${nameParam}::explain`,
    {
      config: { access },
      schema: {
        operationId: 'explainMachine',
        summary: 'What a machine would boot now and why, value by value',
        tags,
        params: machineParams,
        ...answers(explanationSchema),
      },
    },
    ({ params: { name } }) => explanationOf(plane, name),
  );

  app.get(
    `${base}/machines/${nameParam}/files`,
    {
      config: { access },
      schema: {
        operationId: 'listMachineFiles',
        summary: 'The files that are rendered for a machine, as it would be served them now',
        tags,
        params: machineParams,
        querystring: shape('Which file.', {
          path: optional(text('That file with its text, by path or by template.', '/grub/post01.conf', 1024)),
        }),
        ...answers(machineFilesSchema),
      },
    },
    ({ params: { name }, query: { path } }): MachineFiles => {
      const { decision } = explanationOf(plane, name);
      const now = plane.boots.decisionNow(name);
      const profile = now.kind === 'decided' && now.decision.kind === 'boot' ? now.decision.profile.name : undefined;
      const preview = plane.boots.preview(name, path);
      if (preview.kind === 'failed' && path !== undefined) throw new ProblemError('not-found', `${preview.reason}.`);
      return {
        machine: machineOf(plane, name).name,
        ...(profile !== undefined && { profile }),
        reason: preview.kind === 'failed' ? preview.reason : decision.reason,
        files: preview.kind === 'failed' ? [] : preview.files.map((file) => fileResource(file, path !== undefined)),
      };
    },
  );
}

function fileResource({ path, template, bytes }: RenderedFile, withText: boolean): MachineFiles['files'][number] {
  return { path, kind: 'rendered', template, bytes: bytes.length, ...(withText && { text: Buffer.from(bytes).toString() }) };
}

function explanationOf(plane: ControlPlane, name: string): Explanation {
  const explained = explainMachine(name, {
    book: plane.objects,
    boots: plane.boots,
    unknown: plane.unknown,
    leases: { leaseOf: (mac) => plane.leases.addressOf(mac) },
  });
  if (explained.kind === 'not-found') throw notFound('machine or waiting client', name);
  if (explained.kind === 'undecided') {
    const known = plane.objects.current.find('Machine', name) !== undefined;
    return { machine: name, known, decision: { kind: 'undecided', reason: explained.reason }, values: [] };
  }
  const { known, decision, reason, running, values } = explained;
  return {
    machine: name,
    known,
    decision: { kind: decision, reason },
    ...(running !== undefined && {
      running: { boot: running.id, profile: running.profile, ...(running.image !== undefined && { image: running.image }) },
    }),
    values: values.map(valueResource),
  };
}

function originOf({
  value,
  origin: { from, name },
}: Pick<ExplainedValue, 'value' | 'origin'>): Pick<Explanation['values'][number], 'value' | 'origin' | 'object'> {
  const object = name === undefined ? undefined : from === 'one-shot' ? name : `${from}/${name}`;
  return { value, origin: from === 'last boot' ? 'last-boot' : from, ...(object !== undefined && { object }) };
}

function valueResource({ key, note, shadowed, ...value }: ExplainedValue): Explanation['values'][number] {
  return { name: key, ...originOf(value), ...(note !== undefined && { note }), shadowed: shadowed.map(originOf) };
}
